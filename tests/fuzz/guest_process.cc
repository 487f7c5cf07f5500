#include "tests/fuzz/guest_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "tests/fuzz/input.h"

namespace litebox::fuzz {
namespace {

constexpr int kSocket = 250;    // where a guest has its end
constexpr int kReceived = 100;  // from where on it keeps what has come until all have their slots
constexpr int kPatienceMs = 5000;

void do_nothing(int /*signal*/) {}

}  // namespace

struct GuestProcess::Command {
  bool close_all = false;
  uint8_t count = 0;
  std::array<uint8_t, kSlots> slots{};
};

GuestImage::GuestImage() {
  void* const at = mmap(nullptr, kReadable + kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(at != MAP_FAILED);
  bytes_ = static_cast<uint8_t*>(at);
  require(mprotect(bytes_ + kWritable, kPage, PROT_READ) == 0 && mprotect(bytes_ + kReadable, kPage, PROT_NONE) == 0);
}

GuestProcess::GuestProcess() {
  int ends[2];
  require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  socket_.reset(ends[0]);
  const Fd other(ends[1]);
  pid_ = fork();
  require(pid_ >= 0);
  if (pid_ == 0) serve(other.get());
  // Its own descriptors are there, and none of this process's, once it has answered.
  ended_ = !command({true, 0, {}}, {});
}

GuestProcess::~GuestProcess() {
  if (ended_) return;
  (void)kill(pid_, SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
}

// Nothing but system calls: the process that forked it may have had several threads.
void GuestProcess::serve(int socket) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)setsid();
  struct sigaction action = {};
  action.sa_handler = do_nothing;
  (void)sigaction(SIGURG, &action, nullptr);
  sigset_t blocked;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGURG);
  (void)sigprocmask(SIG_SETMASK, &blocked, nullptr);
  if (dup2(socket, kSocket) < 0) _exit(1);
  (void)syscall(SYS_close_range, kSocket + 1, ~0U, 0);
  while (true) {
    Command command;
    iovec vector{&command, sizeof command};
    alignas(cmsghdr) char control[CMSG_SPACE(kSlots * sizeof(int))];
    msghdr header = {};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(kSocket, &header, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof command) _exit(0);
    std::array<int, kSlots> received{};
    if (const cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr) {
      std::memcpy(received.data(), CMSG_DATA(part), command.count * sizeof(int));
    }
    for (int i = 0; i < command.count; ++i) {
      if (dup2(received[static_cast<size_t>(i)], kReceived + i) < 0) _exit(1);
      if (received[static_cast<size_t>(i)] != kReceived + i) (void)close(received[static_cast<size_t>(i)]);
    }
    if (command.close_all) (void)syscall(SYS_close_range, 0, kReceived - 1, 0);
    for (int i = 0; i < command.count; ++i) {
      if (dup2(kReceived + i, command.slots[static_cast<size_t>(i)]) < 0) _exit(1);
      (void)close(kReceived + i);
    }
    if (write(kSocket, "", 1) != 1) _exit(0);
  }
}

bool GuestProcess::settle() {
  if (ended_) return false;
  (void)kill(pid_, SIGSTOP);
  siginfo_t information = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &information, WSTOPPED | WEXITED | WNOWAIT) != 0) require(errno == EINTR);
  if (information.si_code == CLD_STOPPED) return true;
  (void)waitpid(pid_, nullptr, 0);
  ended_ = true;
  return false;
}

bool GuestProcess::command(const Command& command, const std::vector<int>& descriptors) {
  if (ended_) return false;
  iovec vector{const_cast<Command*>(&command), sizeof command};
  alignas(cmsghdr) char control[CMSG_SPACE(kSlots * sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size() * sizeof(int));
  }
  (void)kill(pid_, SIGCONT);
  if (sendmsg(socket_.get(), &header, MSG_NOSIGNAL) < 0) {
    (void)settle();
    return false;
  }
  pollfd entry{socket_.get(), POLLIN, 0};
  char answer = 0;
  int ready = 0;
  while ((ready = poll(&entry, 1, kPatienceMs)) < 0) require(errno == EINTR);
  const bool answered = ready == 1 && read(socket_.get(), &answer, 1) == 1;
  return settle() && answered;
}

bool GuestProcess::reset(const std::vector<std::pair<int, int>>& descriptors) {
  Command wanted{true, static_cast<uint8_t>(descriptors.size()), {}};
  std::vector<int> sent;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    wanted.slots.at(i) = static_cast<uint8_t>(descriptors[i].first);
    sent.push_back(descriptors[i].second);
  }
  return command(wanted, sent);
}

bool GuestProcess::install(int slot, int descriptor) {
  Command wanted{false, 1, {}};
  wanted.slots[0] = static_cast<uint8_t>(slot);
  return command(wanted, {descriptor});
}

void GuestProcess::interrupt() const {
  if (!ended_) (void)kill(pid_, SIGURG);
}

}  // namespace litebox::fuzz
