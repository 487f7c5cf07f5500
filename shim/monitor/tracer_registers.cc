// The requests that move data between a tracee and its tracer: memory, registers, signal information, events.
#include <elf.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/tracer.h"

namespace litebox::monitor {
namespace {

using kernel::StopKind;

constexpr int kOldGetFpxRegisters = 18;
constexpr int kArchPrctl = 30;  // PTRACE_ARCH_PRCTL
constexpr int kArchGetFs = 0x1003, kArchGetGs = 0x1004, kArchSetGs = 0x1001, kArchSetFs = 0x1002;
constexpr size_t kRegisterSetLimit = 64U << 10U;  // the largest is the extended state: 11 KiB with AMX
constexpr size_t kSignalBatch = 256;
constexpr uint64_t kRax = offsetof(user_regs_struct, rax);

long native(int request, HostPid thread, uint64_t address, void* data) {
  const long result = ::syscall(SYS_ptrace, request, thread.value(), address, data);
  return result < 0 ? -errno : result;
}

// A structure of fixed size that the kernel fills, or reads.
template <size_t size>
int64_t fetch(int request, HostPid thread, const kernel::GuestMemory& memory, uint64_t address, GuestAddress data) {
  std::array<char, size> bytes{};
  const long result = native(request, thread, address, bytes.data());
  if (result < 0) return result;
  return memory.write(data, bytes.data(), size).ok() ? 0 : -EFAULT;
}

template <size_t size>
int64_t store(int request, HostPid thread, const kernel::GuestMemory& memory, uint64_t address, GuestAddress data) {
  std::array<char, size> bytes{};
  if (!memory.read(data, bytes.data(), size).ok()) return -EFAULT;
  return native(request, thread, address, bytes.data());
}

// Until an exec has returned, its result register says ENOSYS, as any call's does.
void show_exec(const TraceStop& stop, uint64_t& result) {
  if (stop.syscall_exit_due) result = static_cast<uint64_t>(-ENOSYS);
}

int64_t get_registers(const Tracee& tracee, const kernel::GuestMemory& memory, GuestAddress data) {
  user_regs_struct registers{};
  const long result = native(PTRACE_GETREGS, tracee.thread, 0, &registers);
  if (result < 0) return result;
  uint64_t rax = registers.rax;
  show_exec(tracee.stop, rax);
  registers.rax = rax;
  return memory.write_value(data, registers).ok() ? 0 : -EFAULT;
}

int64_t register_set(int request, const Tracee& tracee, const kernel::GuestMemory& memory, uint64_t type, GuestAddress data) {
  const auto theirs = memory.read_value<iovec>(data);
  if (!theirs.ok()) return -EFAULT;
  std::vector<char> bytes(std::min(theirs->iov_len, kRegisterSetLimit));
  const GuestAddress base(reinterpret_cast<uint64_t>(theirs->iov_base));
  if (request == PTRACE_SETREGSET && !memory.read(base, bytes.data(), bytes.size()).ok()) return -EFAULT;
  iovec ours{bytes.data(), bytes.size()};
  const long result = native(request, tracee.thread, type, &ours);
  if (result < 0) return result;
  if (request == PTRACE_GETREGSET) {
    if (type == NT_PRSTATUS && ours.iov_len >= kRax + sizeof(uint64_t)) {
      uint64_t rax = 0;
      std::memcpy(&rax, bytes.data() + kRax, sizeof rax);
      show_exec(tracee.stop, rax);
      std::memcpy(bytes.data() + kRax, &rax, sizeof rax);
    }
    if (!memory.write(base, bytes.data(), ours.iov_len).ok()) return -EFAULT;
  }
  const uint64_t length = ours.iov_len;
  return memory.write_value(data + offsetof(iovec, iov_len), length).ok() ? result : -EFAULT;
}

int64_t get_signal_info(const Tracee& tracee, const kernel::GuestMemory& memory, GuestAddress data) {
  siginfo_t info{};
  const int status = tracee.stop.status;
  const int signal = WSTOPSIG(status);
  if (tracee.stop.emulated) {
    info.si_signo = signal & 0x7f;
    info.si_code = status >> 16 != 0 ? status >> 8 : tracee.stop.syscall_exit ? signal : SI_USER;
    if (tracee.stop.syscall_exit || status >> 16 != 0) info.si_pid = tracee.thread.value();
  } else {
    const long result = native(PTRACE_GETSIGINFO, tracee.thread, 0, &info);
    if (result < 0) return result;
    // A group stop has none for who attached in the older way; the call's stop says as much as was asked for.
    if (!tracee.seized && info.si_code >> 8 == PTRACE_EVENT_STOP) return -EINVAL;
    if (info.si_code == (SIGTRAP | 0x80) && (tracee.options & PTRACE_O_TRACESYSGOOD) == 0) info.si_code = SIGTRAP;
  }
  return memory.write_value(data, info).ok() ? 0 : -EFAULT;
}

int64_t get_syscall_info(const Tracee& tracee, const kernel::GuestMemory& memory, uint64_t size, GuestAddress data) {
  __ptrace_syscall_info info{};
  long available = native(PTRACE_GET_SYSCALL_INFO, tracee.thread, sizeof info, &info);
  if (available < 0) return available;
  if (tracee.stop.syscall_exit) {
    info.op = PTRACE_SYSCALL_INFO_EXIT;
    info.exit.rval = tracee.stop.result;
    info.exit.is_error = static_cast<uint64_t>(tracee.stop.result) >= static_cast<uint64_t>(-4095) ? 1 : 0;
    available = offsetof(__ptrace_syscall_info, exit.is_error) + 1;
  }
  const size_t wanted = std::min<uint64_t>(size, static_cast<uint64_t>(std::min<long>(available, sizeof info)));
  return memory.write(data, &info, wanted).ok() ? available : -EFAULT;
}

int64_t peek_signal_info(const Tracee& tracee, const kernel::GuestMemory& memory, GuestAddress what, GuestAddress data) {
  auto arguments = memory.read_value<__ptrace_peeksiginfo_args>(what);
  if (!arguments.ok()) return -EFAULT;
  if (arguments->nr < 0) return -EINVAL;
  std::vector<siginfo_t> infos(std::min<size_t>(static_cast<size_t>(arguments->nr), kSignalBatch));
  arguments->nr = static_cast<int>(infos.size());
  const long count = native(PTRACE_PEEKSIGINFO, tracee.thread, reinterpret_cast<uint64_t>(&*arguments), infos.data());
  if (count <= 0) return count;
  return memory.write(data, infos.data(), static_cast<size_t>(count) * sizeof(siginfo_t)).ok() ? count : -EFAULT;
}

int64_t arch_prctl(const Tracee& tracee, const kernel::GuestMemory& memory, uint64_t address, uint64_t option) {
  if (option == kArchSetFs || option == kArchSetGs) {
    const long result = ::syscall(SYS_ptrace, kArchPrctl, tracee.thread.value(), address, option);
    return result < 0 ? -errno : result;
  }
  if (option != kArchGetFs && option != kArchGetGs) return -EINVAL;
  uint64_t base = 0;
  const long result = ::syscall(SYS_ptrace, kArchPrctl, tracee.thread.value(), reinterpret_cast<uint64_t>(&base), option);
  if (result < 0) return -errno;
  return memory.write_value(GuestAddress(address), base).ok() ? 0 : -EFAULT;
}

}  // namespace

int64_t Tracer::transfer(const Request& request, Tracee& tracee) {
  const auto operation = static_cast<int>(request.raw(0));
  const uint64_t address = request.raw(2);
  const GuestAddress data = request.address(3);
  const kernel::GuestMemory memory = request.memory();
  const HostPid thread = tracee.thread;
  switch (operation) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
    case PTRACE_PEEKUSER:
      return fetch<sizeof(long)>(operation, thread, memory, address, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
    case PTRACE_POKEUSER: {
      const long result = ::syscall(SYS_ptrace, operation, thread.value(), address, data.value());
      return result < 0 ? -errno : result;
    }
    case PTRACE_GETREGS:
      return get_registers(tracee, memory, data);
    case PTRACE_SETREGS:
      return store<sizeof(user_regs_struct)>(operation, thread, memory, 0, data);
    case PTRACE_GETFPREGS:
      return fetch<sizeof(user_fpregs_struct)>(operation, thread, memory, 0, data);
    case PTRACE_SETFPREGS:
      return store<sizeof(user_fpregs_struct)>(operation, thread, memory, 0, data);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
      return register_set(operation, tracee, memory, address, data);
    case PTRACE_GETSIGINFO:
      return get_signal_info(tracee, memory, data);
    case PTRACE_SETSIGINFO:
      return store<sizeof(siginfo_t)>(operation, thread, memory, 0, data);
    case PTRACE_GETSIGMASK:
      if (address != sizeof(uint64_t)) return -EINVAL;
      return fetch<sizeof(uint64_t)>(operation, thread, memory, address, data);
    case PTRACE_SETSIGMASK:
      if (address != sizeof(uint64_t)) return -EINVAL;
      return store<sizeof(uint64_t)>(operation, thread, memory, address, data);
    case PTRACE_PEEKSIGINFO:
      return peek_signal_info(tracee, memory, request.address(2), data);
    case PTRACE_GETEVENTMSG:
      if (tracee.stop.emulated) return memory.write_value(data, tracee.stop.message).ok() ? 0 : -EFAULT;
      return fetch<sizeof(long)>(operation, thread, memory, 0, data);
    case PTRACE_GET_SYSCALL_INFO:
      return get_syscall_info(tracee, memory, address, data);
    case PTRACE_GET_RSEQ_CONFIGURATION: {
      __ptrace_rseq_configuration configuration{};
      if (address < sizeof configuration) return -EINVAL;
      const long result = native(operation, thread, sizeof configuration, &configuration);
      if (result < 0) return result;
      return memory.write_value(data, configuration).ok() ? result : -EFAULT;
    }
    case kArchPrctl:
      return arch_prctl(tracee, memory, address, data.value());
    case PTRACE_SECCOMP_GET_FILTER:
    case PTRACE_SECCOMP_GET_METADATA:
      return -EACCES;  // without CAP_SYS_ADMIN of the host, or under a filter
    case kOldGetFpxRegisters:
    default:
      return -EIO;
  }
}

}  // namespace litebox::monitor
