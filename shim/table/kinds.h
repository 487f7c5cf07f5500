// Kinds of system call arguments: how the decoder prints one, and how many bits of its register the kernel looks at.
//
// The kernel's entry points take a register as the C type of the parameter: of an int or unsigned int it sees the low 32 bits,
// whatever the caller left above them. A comparison that looked at more could be made to miss.
#pragma once

// X(name, bits)
#define LITEBOX_ARGUMENT_KINDS(X) \
  X(fd, 32)                       \
  X(dirfd, 32)                    \
  X(signed_int, 32)               \
  X(unsigned_int, 32)             \
  X(flags, 32)                    \
  X(mode, 32)                     \
  X(pid, 32)                      \
  X(uid, 32)                      \
  X(gid, 32)                      \
  X(signal, 32)                   \
  X(open_flags, 32)               \
  X(at_flags, 32)                 \
  X(access_mode, 32)              \
  X(whence, 32)                   \
  X(clock, 32)                    \
  X(resource, 32)                 \
  X(socket_family, 32)            \
  X(socket_type, 32)              \
  X(fcntl_command, 32)            \
  X(ioctl_request, 32)            \
  X(prctl_option, 32)             \
  X(futex_operation, 32)          \
  X(wait_options, 32)             \
  X(signed_long, 64)              \
  X(unsigned_long, 64)            \
  X(size, 64)                     \
  X(offset, 64)                   \
  X(flags_long, 64)               \
  X(clone_flags, 64)              \
  X(mmap_protection, 64)          \
  X(mmap_flags, 64)               \
  X(pointer, 64)                  \
  X(path, 64)                     \
  X(string, 64)                   \
  X(string_array, 64)             \
  X(in_buffer, 64)                \
  X(out_buffer, 64)               \
  X(socket_address, 64)           \
  X(timespec, 64)
