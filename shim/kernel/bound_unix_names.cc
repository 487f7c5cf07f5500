#include "shim/kernel/bound_unix_names.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/fd.h"

namespace litebox::kernel {
namespace {

constexpr size_t kAnswerSize = 64U << 10U;

struct Request {
  nlmsghdr header;
  unix_diag_req body;
};

// The UNIX_DIAG_NAME among the attributes of a unix_diag_msg; empty when there is none.
std::string name_in(const char* attributes, size_t size) {
  while (size >= sizeof(nlattr)) {
    nlattr attribute = {};
    std::memcpy(&attribute, attributes, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > size) return {};
    if (attribute.nla_type == UNIX_DIAG_NAME) {
      std::string name(attributes + sizeof attribute, attribute.nla_len - sizeof attribute);
      if (!name.empty() && name[0] != '\0') name.resize(std::min(name.find('\0'), name.size()));
      return name;
    }
    const size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= size) return {};
    attributes += step;
    size -= step;
  }
  return {};
}

// Adds the names of one datagram's messages; true when the last message of the dump was among them.
Result<bool> take_names(const char* messages, size_t size, std::unordered_set<std::string>& names) {
  constexpr size_t kBody = NLMSG_LENGTH(sizeof(unix_diag_msg));
  while (size >= sizeof(nlmsghdr)) {
    nlmsghdr header = {};
    std::memcpy(&header, messages, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size) return Error(EBADMSG);
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr error = {};
      if (header.nlmsg_len >= NLMSG_LENGTH(sizeof error)) std::memcpy(&error, messages + NLMSG_HDRLEN, sizeof error);
      return Error(error.error < 0 ? -error.error : EIO);
    }
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY && header.nlmsg_len >= kBody) {
      std::string name = name_in(messages + kBody, header.nlmsg_len - kBody);
      if (!name.empty()) names.insert(std::move(name));
    }
    const size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= size) break;
    messages += step;
    size -= step;
  }
  return false;
}

}  // namespace

Result<std::unordered_set<std::string>> bound_unix_names() {
  const Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid()) return last_error();
  Request request = {};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_show = UDIAG_SHOW_NAME;
  if (::send(netlink.get(), &request, sizeof request, 0) < 0) return last_error();
  std::unordered_set<std::string> names;
  std::vector<char> answer(kAnswerSize);
  while (true) {
    const ssize_t size = ::recv(netlink.get(), answer.data(), answer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size < 0 ? last_error() : Error(EIO);
    LITEBOX_ASSIGN(const bool done, take_names(answer.data(), static_cast<size_t>(size), names));
    if (done) return names;
  }
}

}  // namespace litebox::kernel
