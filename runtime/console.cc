#include "runtime/console.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include "base/unix_socket.h"

namespace litebox::runtime {

Result<Console> open_console(const std::optional<oci::ConsoleSize>& size) {
  Console console;
  console.master = Fd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!console.master) return last_error("open /dev/ptmx");
  if (unlockpt(console.master.get()) != 0) return last_error("unlock the terminal");
  std::array<char, 64> name{};
  if (ptsname_r(console.master.get(), name.data(), name.size()) != 0) return last_error("name of the terminal");
  console.name = name.data();
  // Not by its name: that may mean another devpts here than the one that the master belongs to.
  console.slave = Fd(ioctl(console.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!console.slave) return last_error("open " + console.name);
  if (size && (size->height != 0 || size->width != 0)) {
    winsize window{};
    window.ws_row = static_cast<unsigned short>(size->height);
    window.ws_col = static_cast<unsigned short>(size->width);
    if (ioctl(console.master.get(), TIOCSWINSZ, &window) != 0) return last_error("set the terminal's size");
  }
  return console;
}

Status send_descriptor(const std::string& path, const std::string& text, int descriptor) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  LITEBOX_ASSIGN(const Fd connection, connect_unix(directory, name, SOCK_STREAM));
  return send_message(connection.get(), text, {descriptor});
}

Status send_pidfd(const std::string& path, pid_t pid) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return last_error("pidfd_open");
  Status sent = send_descriptor(path, "pidfd", pidfd.get());
  if (!sent.ok()) return std::move(sent).error().within("pidfd socket");
  return {};
}

Status send_console(const std::string& path, const Console& console) {
  Status sent = send_descriptor(path, console.name, console.master.get());
  if (!sent.ok()) return std::move(sent).error().within("console socket");
  return {};
}

}  // namespace litebox::runtime
