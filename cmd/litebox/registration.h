// litebox as a runtime of the engines on this host: which files say so, and what they would hold.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::command {

struct RegistrationPaths {
  std::string root;     // before every path, for tests and image builds; empty: this host
  std::string program;  // of litebox, absolute
};

struct FileChange {
  std::string engine;  // "docker", "podman", "containerd"
  std::string path;
  std::string before;
  std::string after;
  bool exists = false;  // before

  bool changes() const { return before != after; }
};

// Which of the engines are there, by their programs and configuration.
std::vector<std::string> present_engines(const RegistrationPaths& paths);

// What install, or uninstall, makes of an engine's configuration file; touches nothing. An error says what is in the way.
Result<FileChange> plan_install(const RegistrationPaths& paths, const std::string& engine);
Result<FileChange> plan_uninstall(const RegistrationPaths& paths, const std::string& engine);

// Writes a file, or removes one that uninstall leaves empty. What was there before install is kept beside it, until uninstall
// has restored it.
Status apply_install(const FileChange& change);
Status apply_uninstall(const FileChange& change);

// The backup's name.
std::string backup_of(const std::string& path);

}  // namespace litebox::command
