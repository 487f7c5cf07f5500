// One container's directory below the root: <root>/<id>, 0700, with state.json, config.json and what the monitor puts there.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

class StateDirectory {
 public:
  // Makes the directory and takes its lock. "container with given ID already exists" when the id is taken.
  static Result<StateDirectory> create(const std::string& root, const std::string& id);
  // "container does not exist" when it does not.
  static Result<StateDirectory> open(const std::string& root, const std::string& id);
  static bool exists(const std::string& root, const std::string& id);
  // The ids below `root`, sorted, whether complete or not.
  static Result<std::vector<std::string>> list(const std::string& root);

  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  int descriptor() const { return directory_.get(); }

  // Commands that change a container hold its lock (flock on the directory; a killed command loses it). ETIMEDOUT after
  // `milliseconds`; no_such_container() when it was deleted meanwhile.
  Status lock(int milliseconds);
  void unlock();

  // ENOENT when `create` was killed before it wrote any.
  Result<StateRecord> read_record() const;
  Status write_record(const StateRecord& record) const;
  Result<std::string> read_config() const;
  Status write_config(std::string_view text) const;

  // Removes the directory with all that is in it.
  Status remove();

 private:
  StateDirectory(std::string root, std::string id, Fd directory);
  bool still_linked() const;

  std::string root_;
  std::string id_;
  std::string path_;
  Fd directory_;
};

// The error of a command on an id that does not exist.
Error no_such_container(const std::string& id);

}  // namespace litebox::runtime
