#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {

std::string escape(std::string_view text, std::string_view set) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char character : text) {
    if (set.find(character) == std::string_view::npos) {
      escaped += character;
      continue;
    }
    const auto value = static_cast<unsigned char>(character);
    escaped += '\\';
    escaped += static_cast<char>('0' + (value >> 6U));
    escaped += static_cast<char>('0' + ((value >> 3U) & 7U));
    escaped += static_cast<char>('0' + (value & 7U));
  }
  return escaped;
}

}  // namespace litebox::rootfs::proc
