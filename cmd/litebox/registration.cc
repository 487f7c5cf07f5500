#include "cmd/litebox/registration.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "cmd/litebox/edit_json.h"
#include "cmd/litebox/edit_toml.h"
#include "runtime/files.h"

namespace litebox::command {
namespace {

constexpr const char* kShimRuntime = "io.containerd.litebox.v2";

struct Engine {
  const char* name;
  const char* path;
  std::vector<const char*> signs;  // one of them there: the engine is
  std::function<Result<std::string>(const std::string& text, const std::string& program)> add;
  std::function<Result<std::string>(const std::string& text)> remove;
};

TomlEntry containerd_entry(const std::string& text) {
  std::string plugin;
  switch (toml_version(text)) {
    case 1:
      plugin = "plugins.cri";
      break;
    case 2:
      plugin = R"(plugins."io.containerd.grpc.v1.cri")";
      break;
    default:
      plugin = R"(plugins."io.containerd.cri.v1.runtime")";
  }
  return {plugin + ".containerd.runtimes.litebox", "", "  runtime_type = \"" + std::string(kShimRuntime) + "\"\n"};
}

const std::vector<Engine>& engines() {
  static const std::vector<Engine> all{
      {"docker",
       "/etc/docker/daemon.json",
       {"/etc/docker", "/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"},
       [](const std::string& text, const std::string& program) {
         return add_json_member(text, "runtimes", "litebox", R"({"path": )" + nlohmann::json(program).dump() + "}");
       },
       [](const std::string& text) { return remove_json_member(text, "runtimes", "litebox"); }},
      {"podman",
       "/etc/containers/containers.conf",
       {"/etc/containers/containers.conf", "/usr/bin/podman", "/usr/local/bin/podman"},
       [](const std::string& text, const std::string& program) {
         return add_toml_entry(text,
                               {"engine.runtimes", "litebox", "litebox = [" + nlohmann::json(program).dump() + "]\n", true});
       },
       [](const std::string& text) { return Result<std::string>(remove_toml_entry(text)); }},
      {"containerd",
       "/etc/containerd/config.toml",
       {"/etc/containerd", "/usr/bin/containerd", "/usr/local/bin/containerd"},
       [](const std::string& text, const std::string& /*program*/) {
         const std::string document = text.empty() ? "version = 2\n" : text;
         return add_toml_entry(document, containerd_entry(document));
       },
       [](const std::string& text) { return Result<std::string>(remove_toml_entry(text)); }},
  };
  return all;
}

Result<const Engine*> find_engine(const std::string& name) {
  for (const Engine& engine : engines()) {
    if (engine.name == name) return &engine;
  }
  return Error("no such engine: " + name + " (docker, podman or containerd)");
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

Result<FileChange> read_change(const RegistrationPaths& paths, const Engine& engine) {
  FileChange change;
  change.engine = engine.name;
  change.path = paths.root + engine.path;
  auto text = runtime::read_file(AT_FDCWD, change.path);
  if (!text.ok() && text.error().number() != ENOENT) return std::move(text).error();
  change.exists = text.ok();
  if (text.ok()) change.before = *text;
  change.after = change.before;
  return change;
}

Status write_file(const std::string& path, const std::string& text, mode_t mode) {
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
  if (failure) return Error(failure.value(), "mkdir " + std::filesystem::path(path).parent_path().string());
  return runtime::replace_file(AT_FDCWD, path, text, mode);
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  constexpr mode_t permissions = 07777;
  return stat(path.c_str(), &status) == 0 ? status.st_mode & permissions : 0644;
}

}  // namespace

std::string backup_of(const std::string& path) { return path + ".before-litebox"; }

std::vector<std::string> present_engines(const RegistrationPaths& paths) {
  std::vector<std::string> present;
  for (const Engine& engine : engines()) {
    for (const char* sign : engine.signs) {
      if (!exists(paths.root + sign)) continue;
      present.emplace_back(engine.name);
      break;
    }
  }
  return present;
}

Result<FileChange> plan_install(const RegistrationPaths& paths, const std::string& name) {
  LITEBOX_ASSIGN(const Engine* engine, find_engine(name));
  LITEBOX_ASSIGN(FileChange change, read_change(paths, *engine));
  auto after = engine->add(change.before, paths.program);
  if (!after.ok()) return std::move(after).error().within(change.path);
  change.after = *after;
  return change;
}

Result<FileChange> plan_uninstall(const RegistrationPaths& paths, const std::string& name) {
  LITEBOX_ASSIGN(const Engine* engine, find_engine(name));
  LITEBOX_ASSIGN(FileChange change, read_change(paths, *engine));
  if (!change.exists) return change;
  // Nothing but litebox has changed it: then it becomes exactly what it was.
  const auto original = runtime::read_file(AT_FDCWD, backup_of(change.path));
  const std::string base = original.ok() ? *original : "";
  for (const std::string& program : {paths.program, std::string("/usr/bin/litebox")}) {
    const auto made = engine->add(base, program);
    if (made.ok() && *made == change.before && *made != base) {
      change.after = base;
      return change;
    }
  }
  auto after = engine->remove(change.before);
  if (!after.ok()) return std::move(after).error().within(change.path);
  change.after = *after;
  return change;
}

Status apply_install(const FileChange& change) {
  if (!change.changes()) return {};
  if (change.exists) LITEBOX_TRY(write_file(backup_of(change.path), change.before, mode_of(change.path)));
  return write_file(change.path, change.after, mode_of(change.path));
}

Status apply_uninstall(const FileChange& change) {
  if (!change.changes()) return {};
  const auto original = runtime::read_file(AT_FDCWD, backup_of(change.path));
  if (change.after.empty() && !original.ok()) {
    if (unlink(change.path.c_str()) != 0) return last_error("remove " + change.path);
    return {};
  }
  LITEBOX_TRY(write_file(change.path, change.after, mode_of(change.path)));
  // One that differs stays, as somebody may still want it.
  if (original.ok() && *original == change.after) (void)unlink(backup_of(change.path).c_str());
  return {};
}

}  // namespace litebox::command
