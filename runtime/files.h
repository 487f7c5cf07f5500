// Small files read and written whole, and trees removed.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::runtime {

// The file `name` relative to `directory` (AT_FDCWD for none), at most `limit` bytes of it.
Result<std::string> read_file(int directory, const std::string& name, size_t limit = 64U << 20U);

// Writes a temporary file beside `name` and renames it into place, so that a reader sees the old text or the new one.
Status replace_file(int directory, const std::string& name, std::string_view text, mode_t mode);

// One write(2) into a file that exists, as the control files of the kernel want it.
Status write_control_file(const std::string& path, std::string_view text);

// rm -rf `name` below `directory`; nothing is followed out of it. Missing is success.
Status remove_tree(int directory, const std::string& name);

}  // namespace litebox::runtime
