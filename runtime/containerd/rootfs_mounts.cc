#include "runtime/containerd/rootfs_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>

#include "runtime/files.h"

namespace litebox::containerd {
namespace {

constexpr size_t kDataLimit = 4095;  // mount(2): one page
constexpr std::string_view kLower = "lowerdir=";

struct Flag {
  unsigned long bits;
  bool clear;
};

const std::map<std::string_view, Flag>& flag_names() {
  static const std::map<std::string_view, Flag> names{
      {"async", {MS_SYNCHRONOUS, true}},
      {"atime", {MS_NOATIME, true}},
      {"bind", {MS_BIND, false}},
      {"defaults", {0, false}},
      {"dev", {MS_NODEV, true}},
      {"diratime", {MS_NODIRATIME, true}},
      {"dirsync", {MS_DIRSYNC, false}},
      {"exec", {MS_NOEXEC, true}},
      {"mand", {MS_MANDLOCK, false}},
      {"noatime", {MS_NOATIME, false}},
      {"nodev", {MS_NODEV, false}},
      {"nodiratime", {MS_NODIRATIME, false}},
      {"noexec", {MS_NOEXEC, false}},
      {"nomand", {MS_MANDLOCK, true}},
      {"norelatime", {MS_RELATIME, true}},
      {"nostrictatime", {MS_STRICTATIME, true}},
      {"nosuid", {MS_NOSUID, false}},
      {"rbind", {MS_BIND | MS_REC, false}},
      {"relatime", {MS_RELATIME, false}},
      {"remount", {MS_REMOUNT, false}},
      {"ro", {MS_RDONLY, false}},
      {"rw", {MS_RDONLY, true}},
      {"strictatime", {MS_STRICTATIME, false}},
      {"suid", {MS_NOSUID, true}},
      {"sync", {MS_SYNCHRONOUS, false}},
  };
  return names;
}

const std::map<std::string_view, unsigned long>& propagation_names() {
  static const std::map<std::string_view, unsigned long> names{
      {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
      {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
      {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
      {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
  };
  return names;
}

// Where the value of lowerdir= begins and ends in the data.
std::pair<size_t, size_t> lower_value(const std::string& data) {
  size_t begin = data.rfind(kLower, 0) == 0 ? 0 : data.find("," + std::string(kLower));
  if (begin == std::string::npos) return {0, 0};
  begin += (begin == 0 ? 0 : 1) + kLower.size();
  return {begin, std::min(data.find(',', begin), data.size())};
}

std::vector<std::string> lower_directories(const std::string& data) {
  const auto [begin, end] = lower_value(data);
  std::vector<std::string> directories;
  std::istringstream words(data.substr(begin, end - begin));
  for (std::string word; std::getline(words, word, ':');) directories.push_back(word);
  return directories;
}

Status mount_one(const MountRequest& request, const std::string& target) {
  MountArguments arguments = parse_mount_options(request.options);
  if (arguments.data.size() > kDataLimit && request.type == "overlay") {
    const std::string directory = common_lower_directory(arguments.data);
    if (!directory.empty()) {
      if (chdir(directory.c_str()) != 0) return last_error("chdir " + directory);
      arguments.data = with_relative_lower_directories(arguments.data, directory);
    }
  }
  if (arguments.data.size() > kDataLimit) return Error(E2BIG, "mount options of " + target);
  const char* data = arguments.data.empty() ? nullptr : arguments.data.c_str();
  const bool bind = (arguments.flags & MS_BIND) != 0;
  constexpr unsigned long of_bind = MS_BIND | MS_REC;
  const unsigned long first = bind ? arguments.flags & of_bind : arguments.flags;
  if (mount(request.source.c_str(), target.c_str(), request.type.c_str(), first, data) != 0) {
    return last_error("mount " + request.source + " at " + target);
  }
  // The kernel takes the other flags of a bind mount only in a second call.
  if (bind && (arguments.flags & ~of_bind) != 0 &&
      mount("", target.c_str(), "", (arguments.flags & ~static_cast<unsigned long>(MS_REC)) | MS_REMOUNT, nullptr) != 0) {
    return last_error("remount " + target);
  }
  if (arguments.propagation != 0 && mount("", target.c_str(), "", arguments.propagation, nullptr) != 0) {
    return last_error("propagation of " + target);
  }
  return {};
}

// mountinfo writes blanks and backslashes as \ooo.
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> mounts_below(const std::string& directory, const std::string& mountinfo) {
  std::vector<std::string> found;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    for (int field = 0; field < 5; ++field) words >> word;
    std::string target = unescape(word);
    if (target == directory || target.rfind(directory + "/", 0) == 0) found.push_back(std::move(target));
  }
  return found;
}

}  // namespace

MountArguments parse_mount_options(const std::vector<std::string>& options) {
  MountArguments arguments;
  for (const std::string& option : options) {
    if (const auto flag = flag_names().find(option); flag != flag_names().end()) {
      if (flag->second.clear) {
        arguments.flags &= ~flag->second.bits;
      } else {
        arguments.flags |= flag->second.bits;
      }
    } else if (const auto name = propagation_names().find(option); name != propagation_names().end()) {
      arguments.propagation = name->second;
    } else {
      if (!arguments.data.empty()) arguments.data += ',';
      arguments.data += option;
    }
  }
  return arguments;
}

std::string common_lower_directory(const std::string& data) {
  const std::vector<std::string> directories = lower_directories(data);
  if (directories.size() < 2) return {};
  std::string common = directories.front();
  for (const std::string& directory : directories) {
    const auto [end, unused] = std::mismatch(common.begin(), common.end(), directory.begin(), directory.end());
    common.erase(end, common.end());
  }
  const size_t slash = common.rfind('/');
  return slash == std::string::npos || slash == 0 ? "" : common.substr(0, slash);
}

std::string with_relative_lower_directories(const std::string& data, const std::string& directory) {
  const auto [begin, end] = lower_value(data);
  std::string lower;
  for (const std::string& path : lower_directories(data)) {
    if (!lower.empty()) lower += ':';
    lower += path.substr(directory.size() + 1);
  }
  return data.substr(0, begin) + lower + data.substr(end);
}

Status mount_rootfs(const std::vector<MountRequest>& mounts, const std::string& rootfs) {
  if (mounts.empty()) return {};
  if (mkdir(rootfs.c_str(), 0711) != 0 && errno != EEXIST) return last_error("mkdir " + rootfs);
  for (const MountRequest& request : mounts) {
    if (request.target.find("..") != std::string::npos) return Error(EINVAL, "mount target " + request.target);
    const std::string target = request.target.empty() || request.target == "/" ? rootfs : rootfs + "/" + request.target;
    LITEBOX_TRY(mount_one(request, target));
  }
  return {};
}

Status unmount_rootfs(const std::string& rootfs) {
  // A mount may lie on another one.
  constexpr int rounds = 128;
  for (int i = 0; i < rounds; ++i) {
    LITEBOX_ASSIGN(const std::string mountinfo, runtime::read_file(AT_FDCWD, "/proc/self/mountinfo"));
    const std::vector<std::string> found = mounts_below(rootfs, mountinfo);
    if (found.empty()) return {};
    for (auto target = found.rbegin(); target != found.rend(); ++target) {
      if (umount2(target->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL)
        return last_error("umount " + *target);
    }
  }
  return Error(EBUSY, "umount " + rootfs);
}

}  // namespace litebox::containerd
