#include "shim/syscalls/control_messages.h"

#include <cstring>

namespace litebox::syscalls {

Status for_each_control_message(std::string& control,
                                const std::function<Status(const cmsghdr& header, char* data, size_t size)>& visit) {
  size_t at = 0;
  while (at + sizeof(cmsghdr) <= control.size()) {
    cmsghdr header = {};
    std::memcpy(&header, control.data() + at, sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > control.size() - at) return Error(EINVAL);
    LITEBOX_TRY(visit(header, control.data() + at + CMSG_LEN(0), header.cmsg_len - CMSG_LEN(0)));
    at += CMSG_ALIGN(header.cmsg_len);
  }
  return {};
}

void append_control_message(std::string& control, int level, int type, const void* data, size_t size) {
  cmsghdr header = {};
  header.cmsg_len = CMSG_LEN(size);
  header.cmsg_level = level;
  header.cmsg_type = type;
  const size_t at = CMSG_ALIGN(control.size());
  control.resize(at + CMSG_SPACE(size));
  std::memcpy(control.data() + at, &header, sizeof header);
  std::memcpy(control.data() + at + CMSG_LEN(0), data, size);
}

}  // namespace litebox::syscalls
