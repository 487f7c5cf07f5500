// Any sequence of calls with any registers over any memory: handlers answer what Linux could, reach nothing outside, and end.
//
// The input: who calls, then calls up to its end. A call is a number of those that come to the monitor, and its arguments by
// their kinds in the table; each may be anything else, too. Strings and structures are built in memory that the guests share.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <array>
#include <climits>
#include <string>
#include <vector>

#include "shim/syscalls/dispatch.h"
#include "tests/fuzz/call_world.h"

namespace {

using namespace litebox;        // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::fuzz;  // NOLINT(google-build-using-namespace): what is fuzzed

constexpr size_t kMostCalls = 24;
constexpr int kMostNesting = 3;

const std::vector<const table::Entry*>& entries() {
  static const std::vector<const table::Entry*> all = [] {
    std::vector<const table::Entry*> found;
    for (const table::Entry& entry : table::entries()) {
      if (syscalls::find_handler(entry.number) != nullptr) found.push_back(&entry);
    }
    return found;
  }();
  return all;
}

// Builds what arguments point to, one thing behind the other in the guests' memory.
class Builder {
 public:
  explicit Builder(Input& input) : input_(input), bytes_(CallWorld::image().bytes()) {}

  uint64_t argument(const table::Entry& entry, size_t index) {
    const uint8_t mode = input_.byte();
    if (mode >= 0xf0) return anything();
    if (mode >= 0x40) {
      if (const auto known = known_value(entry, index)) return *known;
    }
    return by_kind(entry.arguments[index], mode);
  }

 private:
  // What sends the call to the monitor, or has it do more than refuse.
  std::optional<uint64_t> known_value(const table::Entry& entry, size_t index) {
    std::vector<uint64_t> values;
    for (const table::Rule& rule : entry.rules) {
      if (rule.decision.route != table::Route::monitor) continue;
      for (const table::Match& match : rule.matches) {
        if (match.argument != index || match.negated) continue;
        for (const table::Constant& constant : match.values) values.push_back(constant.value);
      }
    }
    if (entry.name == "mount" && index == 3) {
      values = {MS_BIND, MS_BIND | MS_REC, MS_MOVE, MS_REMOUNT, MS_REMOUNT | MS_BIND | MS_RDONLY, 0, MS_PRIVATE, MS_RDONLY};
    }
    if (entry.name == "setsockopt" || entry.name == "getsockopt") {
      if (index == 1) values = {SOL_SOCKET};
      if (index == 2) values = {SO_PEERCRED, SO_PEERGROUPS, SO_PEERSEC, SO_PEERNAME};
    }
    if (values.empty()) return std::nullopt;
    return values[input_.byte() % values.size()];
  }

  uint64_t by_kind(table::Kind kind, uint8_t mode) {
    switch (kind) {
      case table::Kind::path:
      case table::Kind::string:
        return place(text() + '\0');
      case table::Kind::fd:
      case table::Kind::dirfd:
        return kind == table::Kind::dirfd && mode % 2 == 0 ? static_cast<uint64_t>(AT_FDCWD) : input_.byte() % 40;
      case table::Kind::pid:
        return process(input_.byte());
      case table::Kind::signal:
        return input_.byte() % 66;
      case table::Kind::uid:
      case table::Kind::gid:
        return identity(input_.byte());
      case table::Kind::mode:
      case table::Kind::open_flags:
        return input_.word(mode % 3 + 1);
      case table::Kind::size:
        return mode % 4 == 0 ? input_.word(8) : mode % 4 == 1 ? 4096 : input_.byte();
      case table::Kind::socket_address:
        return place(socket_address());
      case table::Kind::pointer:
      case table::Kind::string_array:
      case table::Kind::in_buffer:
      case table::Kind::out_buffer:
      case table::Kind::timespec:
        return pointer(mode);
      default:
        return number(mode);
    }
  }

  uint64_t anything() {
    const uint8_t kind = input_.byte();
    switch (kind % 4) {
      case 0:
        return input_.word(8);
      case 1:
        return CallWorld::image().address(input_.word(2) % (GuestImage::kReadable + 16));
      case 2:
        return static_cast<uint64_t>(INT64_MIN) >> (kind >> 2U);
      default:
        return ~uint64_t{0} >> (kind >> 2U);
    }
  }

  uint64_t number(uint8_t mode) {
    switch (mode % 8) {
      case 0:
      case 1:
      case 2:
        return input_.byte();
      case 3:
        return static_cast<uint64_t>(static_cast<int8_t>(input_.byte()));
      case 4:
        return 1ULL << (input_.byte() % 64);
      case 5:
        return input_.word(2);
      case 6:
        return IPC_CREAT | (input_.byte() << 1U);
      default:
        return input_.word(4);
    }
  }

  static uint64_t process(uint8_t byte) {
    const auto negative = [](pid_t pid) { return static_cast<uint64_t>(-static_cast<int64_t>(pid)); };
    switch (byte % 12) {
      case 0:
        return 0;
      case 1:
        return 1;
      case 2:
        return static_cast<uint64_t>(CallWorld::pid_of(0));
      case 3:
      case 4:
        return static_cast<uint64_t>(CallWorld::pid_of(1));
      case 5:
        return negative(CallWorld::pid_of(byte % 2));
      case 6:
        return static_cast<uint64_t>(-1);
      case 7:
        return static_cast<uint32_t>(INT_MIN);
      case 8:
        return static_cast<uint64_t>(getpid());
      case 9:
        return negative(getpid());
      case 10:
        return static_cast<uint64_t>(getppid());
      default:
        return byte;
    }
  }

  static uint64_t identity(uint8_t byte) {
    constexpr std::array<uint64_t, 4> special{0, 1000, ~0ULL, 65534};
    return byte < 0x80 ? special[byte % special.size()] : byte;
  }

  uint64_t pointer(uint8_t mode) {
    switch (mode % 8) {
      case 0:
        return 0;
      case 1:
        return place(text() + '\0');
      case 2:
        return place(socket_address());
      case 3:  // what only can be read, and what runs out of it
        return CallWorld::image().address(GuestImage::kWritable - input_.byte());
      default:
        return place(structure(0));
    }
  }

  // A path: names that mean something, each with or without a slash behind it, or single characters.
  std::string text() {
    static const std::vector<std::string> names{"/",
                                                "..",
                                                ".",
                                                "dir",
                                                "file",
                                                "deep",
                                                "link",
                                                "up",
                                                "loop",
                                                "host",
                                                "self",
                                                "proc",
                                                "1",
                                                "root",
                                                "cwd",
                                                "exe",
                                                "fd",
                                                "maps",
                                                "mounts",
                                                "status",
                                                "task",
                                                "ns",
                                                "net",
                                                "sys",
                                                "kernel",
                                                "dev",
                                                "pts",
                                                "ptmx",
                                                "null",
                                                "tty",
                                                "mqueue",
                                                "ro",
                                                "tmp",
                                                "program",
                                                "script",
                                                "fifo",
                                                "closed",
                                                "new",
                                                "newer",
                                                "a",
                                                "0",
                                                "2",
                                                "14",
                                                "15",
                                                "fs",
                                                "cgroup",
                                                "class",
                                                "oom_score_adj",
                                                "environ",
                                                "mountinfo",
                                                "fdinfo",
                                                "comm",
                                                "attr",
                                                "unix",
                                                "sysvipc",
                                                "user.a",
                                                "security.capability",
                                                "system.posix_acl_access",
                                                "tmpfs",
                                                "bind",
                                                std::string(255, 'n'),
                                                "../../outside/",
                                                CallWorld::directory() + "/outside/secret",
                                                "proc/self/"};
    std::string result;
    for (size_t left = input_.byte() % 10; left > 0 && !input_.empty(); --left) {
      const uint8_t byte = input_.byte();
      if ((byte & 0x80U) != 0) {
        result.push_back(static_cast<char>(byte ^ 0x80U));
        continue;
      }
      result += names[(byte & 0x3fU) % names.size()];
      if ((byte & 0x40U) != 0) result += '/';
    }
    return result;
  }

  std::string socket_address() {
    const uint8_t kind = input_.byte();
    const sa_family_t family = kind % 8 == 7 ? input_.byte() : AF_UNIX;
    std::string address(reinterpret_cast<const char*>(&family), sizeof family);
    if (kind % 2 == 1) address += '\0';
    return address + text();
  }

  static void append(std::string& bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  }

  std::string structure(int depth) {
    std::string bytes;
    for (size_t items = input_.byte() % 12; items > 0 && !input_.empty(); --items) {
      const uint8_t kind = input_.byte();
      switch (kind % 8) {
        case 0:
          bytes += input_.piece(input_.byte() % 32);
          break;
        case 1:
          append(bytes, input_.byte(), 8);
          break;
        case 2:
          append(bytes, input_.byte(), 4);
          break;
        case 3:
          append(bytes, depth < kMostNesting ? place(structure(depth + 1)) : 0, 8);
          break;
        case 4:
          append(bytes, depth < kMostNesting ? place(socket_address()) : 0, 8);
          break;
        case 5:
          bytes.append(input_.byte() % 64, '\0');
          break;
        case 6:
          append(bytes, process(input_.byte()), 4);
          break;
        default:
          append(bytes, place(text() + '\0'), 8);
          break;
      }
    }
    return bytes;
  }

  uint64_t place(const std::string& bytes) {
    constexpr size_t alignment = 8;
    if (bytes.size() > bytes_.size() - at_) at_ = 0;
    if (bytes.size() > bytes_.size()) return 0;
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
    const uint64_t address = CallWorld::image().address(at_);
    at_ += (bytes.size() + alignment - 1) / alignment * alignment;
    if (at_ >= bytes_.size()) at_ = 0;
    return address;
  }

  Input& input_;
  std::span<uint8_t> bytes_;
  size_t at_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  (void)CallWorld::directory();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (CallWorld::holds_secret({reinterpret_cast<const char*>(data), size})) return 0;
  Input input(data, size);
  const uint8_t who = input.byte();
  CallWorld world({(who & 1U) == 0, (who & 2U) == 0 ? 0U : 1000U, (who & 4U) != 0});
  const auto memory = CallWorld::image().bytes();
  std::fill(memory.begin(), memory.end(), 0);
  Builder builder(input);
  for (size_t calls = 0; calls < kMostCalls && !input.empty(); ++calls) {
    const table::Entry& entry = *entries()[input.byte() % entries().size()];
    const uint8_t how = input.byte();
    std::array<uint64_t, 6> arguments{};
    for (size_t i = 0; i < entry.arguments.size(); ++i) arguments.at(i) = builder.argument(entry, i);
    world.call((how & 1U) != 0 ? 0 : 1, entry, arguments, how >> 1U);
  }
  world.check_outside();
  return 0;
}
