// Any bytes as what the monitor reads of the host's /proc, of files that others may have written, and of other monitors. The
// first byte says which.
//
// Whatever comes: no process outside is shown, no path of the host's, and what was understood can be written and read again.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "oci/process_json.h"
#include "rootfs/host_node.h"
#include "rootfs/id_maps.h"
#include "rootfs/message_queues.h"
#include "rootfs/override_store.h"
#include "rootfs/proc/global_files.h"
#include "rootfs/proc/host_paths.h"
#include "rootfs/proc/process_text.h"
#include "rootfs/proc/text.h"
#include "rootfs/tree.h"
#include "runtime/cgroup_hierarchy.h"
#include "runtime/state_record.h"
#include "shim/kernel/controlling_terminal.h"
#include "shim/kernel/exec_credentials.h"
#include "shim/kernel/internet_endpoint.h"
#include "shim/kernel/ipc_limits.h"
#include "shim/kernel/pending_signals.h"
#include "shim/kernel/unix_names.h"
#include "shim/monitor/neighbours.h"
#include "shim/rewrite/site_list.h"
#include "shim/rewrite/store.h"
#include "tests/fuzz/answering_monitor.h"
#include "tests/fuzz/fixed_view.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/ordinary_user.h"

namespace {

using namespace litebox;                // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::fuzz;          // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::rootfs;        // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::rootfs::proc;  // NOLINT(google-build-using-namespace): what is fuzzed

void write_file(const std::string& path, std::string_view bytes) {
  const Fd file(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  require(file.valid() && write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

Fd path_descriptor(const std::string& path) { return Fd(open(path.c_str(), O_PATH | O_CLOEXEC)); }

// A container's tree with a second mount, made once.
struct World {
  std::string directory;
  std::string root;
  std::unique_ptr<Tree> tree;
  std::unique_ptr<FixedView> view;
  std::unique_ptr<AnsweringMonitor> neighbour;

  World() {
    give_up_root();
    (void)enter_own_namespaces(false);
    directory = make_work_directory();
    root = directory + "/root";
    for (const char* name : {"/root", "/root/mnt", "/root/mnt/deep", "/volume", "/sites", "/journal", "/monitor"}) {
      require(mkdir((directory + name).c_str(), 0700) == 0);
    }
    write_file(root + "/file", "text");
    auto mount = std::make_shared<Mount>();
    mount->type = "fuzz";
    tree = std::make_unique<Tree>(Location{std::move(mount), node(root)});
    const auto at = tree->resolve(runtime_subject(), tree->root(), tree->root(), "/mnt");
    require(at.ok() && tree->mount(at->target, node(directory + "/volume"), {}, "fuzz", "volume", "/", "").ok());
    view = std::make_unique<FixedView>(*tree, tree->root());
    neighbour = std::make_unique<AnsweringMonitor>(directory + "/monitor");
  }

  static NodePtr node(const std::string& path) {
    auto made = HostNode::make(std::make_shared<HostFileSystem>(Ownership::recorded, false, nullptr), path_descriptor(path));
    require(made.ok());
    return *made;
  }
};

World& world() {
  static World made;
  return made;
}

// A process's number as a container may see it: no outsider's.
void require_inside(std::string_view number) {
  const auto value = parse_number<pid_t>(number);
  require(!value || *value <= 1 || *value == FixedView::kOther);
}

// --- texts of /proc

void stat_text(std::string_view text) {
  const std::string inside = translate_stat(*world().view, text, (text.size() & 1U) != 0);
  (void)kernel::parse_job_control(text);
  if (text.find('(') == 0 || text.find('(') == std::string_view::npos || text.rfind(')') == std::string_view::npos) return;
  std::string_view rest = std::string_view(inside).substr(inside.rfind(')') + 1);
  (void)take_word(rest);
  require_inside(take_word(rest));
}

void status_text(std::string_view text) {
  const auto inside = translate_status(*world().view, HostPid(FixedView::kOther), text);
  require(inside.ok());
  for_each_line(*inside, [](std::string_view line) {
    for (const std::string_view key : {"Pid:\t", "Tgid:\t", "PPid:\t", "TracerPid:\t", "Ngid:\t"}) {
      if (line.starts_with(key)) require_inside(line.substr(key.size()));
    }
  });
  require(!translate_status(*world().view, HostPid(1), text).ok());
  const kernel::ProcessStatus status{std::string(text)};
  (void)kernel::parse_signal_state(status);
  (void)status.state();
}

void children_text(std::string_view text) {
  const std::string inside = translate_children(*world().view, text);
  std::string_view rest = inside;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) require_inside(word);
}

void lock_text(std::string_view text) {
  const std::string inside = translate_lock(*world().view, text);
  std::string_view rest = inside;
  for (size_t owner = text.find("->") == std::string_view::npos ? 4 : 5; owner > 0; --owner) (void)take_word(rest);
  require_inside(take_word(rest));
}

void other_texts(std::string_view text) {
  const FixedView& view = *world().view;
  (void)translate_limits(text);
  (void)translate_sched(view, text);
  (void)translate_timers(view, text);
  (void)translate_fdinfo(view, text, text.empty() ? 0 : text.front());
  for_each_line(translate_cgroup(text), [](std::string_view line) { require(line.ends_with(":/")); });
  const uint64_t limit = text.size() << 20U;
  (void)limited_meminfo(text, limit, limit / 2);
  (void)runtime::parse_cgroup_hierarchies(text);
}

// Lines of maps: a name behind what the kernel writes before it. '\1' stands for the tree's root on the host.
void maps_text(std::string_view bytes) {
  Input input(bytes);
  std::string text;
  std::vector<bool> below;
  while (!input.empty() && below.size() < 16) {
    static constexpr std::array<const char*, 4> files{"00:01 1027", "fe:00 12", "00:1b 99999999999999999999", "zz:00 1"};
    std::string line = "7ea000000000-7ea000001000 r-xp 00000000 ";
    line += files[input.byte() % files.size()];
    line.resize(std::max<size_t>(line.size() + 1, 73), ' ');
    std::string name;
    size_t roots = 0;
    for (const char c : input.piece(input.byte() % 80)) {
      if (c == '\1') {
        name += world().root;
        ++roots;
      } else if (c != '\n') {
        name += c;
      }
    }
    below.push_back(roots == 1 && name.starts_with(world().root + "/"));
    text += line + name + '\n';
  }
  const Subject subject{runtime_subject().identity, HostPid(FixedView::kOther), HostPid(FixedView::kOther), 022};
  const HostPaths paths(*world().view, subject);
  const std::string inside = translate_maps(paths, text);
  size_t lines = 0;
  for_each_line(inside, [&](std::string_view line) {
    if (below.at(lines++)) require(line.find(world().root + "/") != 73);
  });
  require(lines == below.size());
  (void)translate_numa_maps(paths, text);
  std::string raw(bytes);
  std::replace(raw.begin(), raw.end(), '\1', '/');
  (void)translate_maps(paths, raw);
  (void)translate_numa_maps(paths, raw);
}

// --- what others have written

void site_list(std::string_view bytes) {
  const auto sites = rewrite::read_sites(bytes);
  if (sites.ok()) require(rewrite::write_sites(*sites) == bytes);
}

void site_store(std::string_view bytes) {
  static const auto store = rewrite::Store::open(world().directory + "/sites");
  require(store.ok());
  write_file(world().directory + "/sites/" + std::string(31, '0') + "1", bytes);
  const auto entry = store->find({0, 1});
  if (!entry) return;
  store->add({0, 2}, *entry);
  const auto again = store->find({0, 2});
  require(again && again->sites == entry->sites && again->pages == entry->pages);
}

void ownership_record(std::string_view text) {
  const auto record = OverrideRecord::parse(text);
  if (!record) return;
  const auto again = OverrideRecord::parse(record->format());
  require(again && again->format() == record->format());
}

void ownership_journal(std::string_view text) {
  const std::string directory = world().directory + "/journal";
  write_file(directory + "/" + kOverrideStoreName, text);
  OverrideStore store(path_descriptor(directory));
  struct statx file {};
  file.stx_ino = 5;
  file.stx_btime.tv_sec = 6;
  file.stx_btime.tv_nsec = 7;
  (void)store.empty();
  (void)store.find(file);
  const OverrideRecord record{1, 2, 0644, S_IFLNK, 0};
  require(store.set(file, record).ok());
  const auto found = store.find(file);
  require(found && found->format() == record.format());
  require(OverrideStore(path_descriptor(directory)).find(file).has_value());
  require(store.erase(file).ok() && !store.find(file));
}

void attribute_ids(std::string_view value) {
  static const IdMaps maps{IdMap({{0, 100000, 1000}, {2000, 5000, 1}}, {}), IdMap({{0, 100000, 1000}}, {{100000, 7, 50}})};
  for (const char* name : {"system.posix_acl_access", "security.capability", "user.other"}) {
    const auto outside = xattr_to_file(maps, name, std::string(value));
    (void)xattr_to_container(maps, name, std::string(value));
    // What a guest has set it gets back, as far as the map leads back.
    if (outside.ok()) (void)xattr_to_container(maps, name, *outside);
  }
  const auto capabilities = kernel::parse_file_capabilities(value);
  if (capabilities.ok()) require(value.size() >= 12);
}

void settings(std::string_view text) {
  for (const char* path : {"kernel/msgmax", "kernel/sem", "kernel/shmmax", "kernel/shmall", "kernel/msgmni"}) {
    (void)kernel::read_ipc_limits({{path, std::string(text)}});
  }
  for (const char* path : {"fs/mqueue/queues_max", "fs/mqueue/msg_max", "fs/mqueue/msgsize_default"}) {
    (void)read_message_queue_limits({{path, std::string(text)}});
  }
}

void socket_names(std::string_view bytes) {
  const auto listed = kernel::listed_endpoint(bytes);
  if (listed) {
    const auto again = kernel::listed_endpoint(kernel::listing_of(AF_INET6, *listed));
    require(again && *again == *listed);
  }
  if (const auto endpoint = kernel::endpoint_in(bytes)) {
    for (const int domain : {AF_INET, AF_INET6}) (void)kernel::socket_address_of(domain, *endpoint);
  }
  kernel::UnixNames names("token");
  (void)names.inside(bytes);
  (void)names.listed(bytes);
  if (bytes.starts_with('\0') && bytes.size() < kernel::kLongestUnixAddress) {
    require(names.inside(names.abstract_outside(bytes)) == bytes);
  }
  const size_t slash = bytes.rfind('/');
  const std::string name(bytes.substr(slash == std::string_view::npos ? 0 : slash + 1));
  if (name.empty() || name.find('\0') != std::string::npos || bytes.size() >= kernel::kLongestUnixAddress) return;
  const std::string path = names.path_outside(std::string(bytes), name);
  // It leads to the same name in the same directory.
  require(path.ends_with(name) && path.size() < kernel::kLongestUnixAddress);
  const std::string_view decoration = std::string_view(path).substr(0, path.size() - name.size());
  require(!decoration.starts_with('/') && decoration.find("..") == std::string_view::npos);
  require(decoration.find_first_not_of("./") == std::string_view::npos);
}

void state_record(std::string_view json) {
  const auto record = runtime::record_from_json(json);
  if (!record.ok()) return;
  const auto again = runtime::record_from_json(runtime::record_to_json(*record));
  require(again.ok() && again->id == record->id && again->monitor == record->monitor);
}

void neighbours_answer(std::string_view json) {
  world().neighbour->answer_with(json);
  const auto state = monitor::ask_for_state(world().directory + "/monitor", HostPid(FixedView::kOther));
  if (!state.ok()) return;
  require(state->credentials != nullptr);
  // What it has said can be said to others.
  (void)monitor::describe_state(*state).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

using Parser = void (*)(std::string_view);
constexpr std::array<Parser, 16> kParsers{
    stat_text,         status_text,
    children_text,     lock_text,
    other_texts,       maps_text,
    site_list,         site_store,
    ownership_record,  ownership_journal,
    attribute_ids,     settings,
    socket_names,      state_record,
    neighbours_answer, [](std::string_view text) { (void)oci::parse_process(std::string(text), "process"); }};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  (void)world();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)world();
  Input input(data, size);
  const Parser parser = kParsers[input.byte() % kParsers.size()];
  parser(input.rest());
  return 0;
}
