// Messages that name their sender, and what a receiver is told: SCM_CREDENTIALS of unix(7).
#pragma once

#include "report.h"
#include "unix_addresses.h"

struct Told {
  long size = -1;
  ucred sender = {};
  bool has_sender = false;
};

inline Told receive(int socket) {
  Told told;
  char byte = 0;
  char control[CMSG_SPACE(sizeof(ucred))] = {};
  iovec vector = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  told.size = recvmsg(socket, &message, MSG_DONTWAIT);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (told.size >= 0 && header != nullptr && header->cmsg_type == SCM_CREDENTIALS) {
    told.has_sender = true;
    memcpy(&told.sender, CMSG_DATA(header), sizeof told.sender);
  }
  return told;
}

inline void show(const char* what, const Told& told) {
  if (!told.has_sender) return say("  %s, user %u: %ld bytes of nobody", what, getuid(), told.size);
  say("  %s, user %u: %ld bytes of %s", what, getuid(), told.size, told.sender.pid == getpid() ? "this process" : "another");
}

inline void show_with_ids(const char* what, const Told& told) {
  show(what, told);
  say("    named: user %u, group %u", told.sender.uid, told.sender.gid);
}

inline long send_as(int socket, const ucred& sender, const std::string& to) {
  char byte = 'x';
  char control[CMSG_SPACE(sizeof sender)] = {};
  iovec vector = {&byte, 1};
  sockaddr_un address;
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (!to.empty()) {
    message.msg_namelen = name_of(&address, to);
    message.msg_name = &address;
  }
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof sender);
  memcpy(CMSG_DATA(header), &sender, sizeof sender);
  return sendmsg(socket, &message, 0);
}
