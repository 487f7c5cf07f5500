#include "rootfs/proc/host_paths.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <utility>

#include "rootfs/host_file.h"
#include "rootfs/native_tree.h"
#include "rootfs/proc/text.h"
#include "rootfs/tree.h"

namespace litebox::rootfs::proc {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
// litebox's own code in every guest is a memfd of this name (shim/guest).
constexpr std::string_view kOwnCode = "/memfd:litebox";
// A segment of System V shared memory (shim/kernel/sysv_shared_memory.h); the kernel's own have the name without "memfd:".
constexpr std::string_view kMemoryFile = "/memfd:";
constexpr std::string_view kSharedMemory = "/memfd:SYSV";
// The column at which show_vma_header_prefix() and seq_pad() begin a mapping's name.
constexpr size_t kNameColumn = 73;

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// Whether `path` is `directory` or lies below it.
bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return starts_with(path, "/");
  if (!starts_with(path, directory)) return false;
  return path.size() == directory.size() || path[directory.size()] == '/' || path.substr(directory.size()) == kDeleted;
}

std::optional<std::string> path_of_descriptor(int fd) {
  std::array<char, PATH_MAX> path;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length <= 0) return std::nullopt;
  return std::string(path.data(), static_cast<size_t>(length));
}

bool is_own_root(const struct stat& status) {
  struct stat root;
  return ::stat("/", &root) == 0 && root.st_dev == status.st_dev && root.st_ino == status.st_ino;
}

// How surely the file of a mapping is the one at `path` below a mount's root: what is there, else a place where it has been.
int likeness(int root, std::string_view path, ino_t inode) {
  while (starts_with(path, "/")) path.remove_prefix(1);
  const std::string below(path.empty() ? "." : path);
  if (const auto file = host::lookup_path(root, below); file.ok()) {
    const auto status = host::status(file->get());
    if (status.ok() && status->stx_ino == inode) return 2;
  }
  if (path.size() < kDeleted.size() || path.substr(path.size() - kDeleted.size()) != kDeleted) return 0;
  const size_t slash = below.rfind('/');
  return slash == std::string::npos || host::lookup_path(root, below.substr(0, slash)).ok() ? 1 : 0;
}

// The device column "fe:00".
dev_t parse_device(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return 0;
  const auto high = parse_number<unsigned>(text.substr(0, colon), 16);
  const auto low = parse_number<unsigned>(text.substr(colon + 1), 16);
  return high && low ? gnu_dev_makedev(*high, *low) : 0;
}

// A mapping of rewritten text (shim/rewrite/patched_text.h, name_of()): of the pages of a file that are changed, or of what
// lies below it to be jumped to, which is no part of it.
struct Rewritten {
  std::string device, inode;  // the file's, as the kernel writes them
  uint64_t end = 0;           // of the file's own text
};

std::optional<Rewritten> parse_rewritten(std::string_view name) {
  constexpr std::string_view kRewritten = "/memfd:litebox-text:";
  if (!starts_with(name, kRewritten)) return std::nullopt;
  name.remove_prefix(kRewritten.size());
  name = name.substr(0, name.find(' '));
  const size_t last = name.rfind(':');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const size_t before = name.rfind(':', last - 1);
  const auto end = parse_number<uint64_t>(name.substr(last + 1), 16);
  if (before == std::string_view::npos || !end) return std::nullopt;
  return Rewritten{std::string(name.substr(0, before)), std::string(name.substr(before + 1, last - before - 1)), *end};
}

// The files that are mapped, by device and inode: their names on the host.
using Names = std::map<std::pair<std::string_view, std::string_view>, std::string_view>;

// One line of maps, in words.
struct Mapping {
  std::string_view range, permissions, offset, device, inode, name;
};

std::optional<Mapping> parse_mapping(std::string_view line) {
  Mapping mapping;
  std::string_view rest = line;
  mapping.range = take_word(rest);
  if (mapping.range.find('-') == std::string_view::npos || mapping.range.back() == ':') return std::nullopt;
  mapping.permissions = take_word(rest);
  mapping.offset = take_word(rest);
  mapping.device = take_word(rest);
  mapping.inode = take_word(rest);
  const size_t name_at = rest.find('/');
  if (name_at == std::string_view::npos || rest.find_first_not_of(' ') != name_at) return std::nullopt;
  mapping.name = rest.substr(name_at);
  return mapping;
}

Names names_of(std::string_view maps) {
  Names names;
  for_each_line(maps, [&](std::string_view line) {
    const auto mapping = parse_mapping(line);
    if (mapping && !is_anonymous_name(mapping->name)) names.emplace(std::pair(mapping->device, mapping->inode), mapping->name);
  });
  return names;
}

std::string text_of(const Mapping& mapping, std::string_view offset, std::string_view device, std::string_view inode,
                    std::string_view name) {
  std::string text;
  for (const std::string_view word : {mapping.range, mapping.permissions, offset, device, inode}) {
    text += word;
    text += ' ';
  }
  if (!name.empty() && text.size() < kNameColumn) text.append(kNameColumn - text.size(), ' ');
  return text + std::string(name);
}

std::string translate_rewritten(const HostPaths& paths, const Mapping& mapping, const Rewritten& text, const Names& names) {
  if (parse_number<uint64_t>(mapping.offset, 16).value_or(0) >= text.end) {
    return text_of(mapping, "00000000", "00:00", "0", "");
  }
  const auto found = names.find({text.device, text.inode});
  if (found == names.end()) return text_of(mapping, mapping.offset, text.device, text.inode, "[litebox]");
  const std::string inside =
      paths.inside(found->second, parse_device(text.device), parse_number<ino_t>(text.inode).value_or(0));
  return text_of(mapping, mapping.offset, text.device, text.inode, inside);
}

// "7ea000000000-7ea000001000 r-xp 00000000 00:01 1041  /memfd:litebox (deleted)"; other lines of smaps begin with a word
// that has a colon.
std::string translate_mapping(const HostPaths& paths, std::string_view line, const Names& names) {
  const auto mapping = parse_mapping(line);
  if (!mapping) return std::string(line);
  const std::string_view name = mapping->name;
  if (const auto rewritten = parse_rewritten(name)) return translate_rewritten(paths, *mapping, *rewritten, names);
  std::string text(line.substr(0, line.size() - name.size()));
  if (starts_with(name, kOwnCode)) return text + "[litebox]";
  if (starts_with(name, kSharedMemory)) return text + "/" + std::string(name.substr(kMemoryFile.size()));
  return text + paths.inside(name, parse_device(mapping->device), parse_number<ino_t>(mapping->inode).value_or(0));
}

}  // namespace

bool is_anonymous_name(std::string_view name) {
  return !starts_with(name, "/") || starts_with(name, "/memfd:") || starts_with(name, "/SYSV") ||
         name == "/dev/zero (deleted)" || starts_with(name, "/anon_hugepage") || starts_with(name, "/[aio]") ||
         starts_with(name, "/secretmem");
}

HostPaths::HostPaths(const ContainerView& view, const Subject& subject) {
  Tree& tree = view.tree();
  native_ = tree.native();
  const auto own_root = view.root_directory(subject.thread_group);
  const Location root = own_root ? *own_root : tree.root();
  for (const MountPtr& mount : tree.mounts()) {
    const int fd = mount->root->host_fd();
    struct stat status;
    if (fd < 0 || ::fstat(fd, &status) != 0) continue;
    auto host = path_of_descriptor(fd);
    auto inside = tree.path_of(subject, root, Location{mount, mount->root});
    if (!host || !inside || host->front() != '/') continue;
    const bool detached = *host == "/" && !is_own_root(status);
    sources_.push_back({std::move(*host), escape(*inside, "\n"), status.st_dev, detached, mount});
  }
}

const HostPaths::Source* HostPaths::find(std::string_view host, dev_t device, ino_t inode) const {
  std::vector<const Source*> best;
  const auto rank = [device](const Source& source) { return std::pair(source.device == device, source.host.size()); };
  for (const Source& source : sources_) {
    if (!is_below(host, source.host) || (source.detached && source.device != device)) continue;
    if (!best.empty() && rank(source) > rank(*best.front())) best.clear();
    if (best.empty() || rank(source) == rank(*best.front())) best.push_back(&source);
  }
  if (best.size() < 2) return best.empty() ? nullptr : best.front();
  // Directories of one device that are mounted nowhere on the host: the kernel's path is below any of them.
  const Source* found = nullptr;
  int found_likeness = -1;
  for (const Source* source : best) {
    const std::string_view below = host.substr(source->host == "/" ? 0 : source->host.size());
    const int like = likeness(source->mount->root->host_fd(), below, inode);
    // Of equals the later one: what is mounted last is what a path leads to.
    if (like >= found_likeness) found = source;
    found_likeness = std::max(found_likeness, like);
  }
  return found;
}

std::string HostPaths::inside(std::string_view host, dev_t device, ino_t inode) const {
  if (is_anonymous_name(host)) return std::string(host);
  // What a guest has opened itself has the path that it has inside.
  if (native_ != nullptr && inode != 0 && native_->shows(std::string(host), inode)) return std::string(host);
  const Source* const source = find(host, device, inode);
  if (source == nullptr) return "(unreachable)" + std::string(host.substr(std::min(host.rfind('/'), host.size())));
  std::string_view below = host.substr(source->host == "/" ? 0 : source->host.size());
  if (source->inside == "/" && !below.empty() && below.front() == '/') return std::string(below);
  if (source->inside == "/" || below == "/") return source->inside;
  return source->inside + std::string(below);
}

std::string translate_maps(const HostPaths& paths, std::string_view host) {
  std::string text;
  text.reserve(host.size());
  const Names names = names_of(host);
  for_each_line(host, [&](std::string_view line) {
    text += line.size() > kNameColumn ? translate_mapping(paths, line, names) : std::string(line);
    text += '\n';
  });
  return text;
}

std::string translate_numa_maps(const HostPaths& paths, std::string_view host) {
  std::string text;
  for_each_line(host, [&](std::string_view line) {
    std::string_view rest = line;
    bool first = true;
    while (!rest.empty()) {
      const std::string_view word = take_word(rest);
      if (word.empty()) break;
      if (!first) text += ' ';
      first = false;
      text += starts_with(word, "file=/") ? "file=" + escape(paths.inside(word.substr(5), 0, 0), "\n\t= ") : std::string(word);
    }
    text += '\n';
  });
  return text;
}

}  // namespace litebox::rootfs::proc
