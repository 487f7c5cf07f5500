// delete: what containerd calls when the shim of a container does not answer any more.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "cmd/containerd-shim-litebox-v2/actions.h"
#include "runtime/containerd/child_work.h"
#include "runtime/containerd/service.h"
#include "runtime/containerd/timestamp.h"
#include "runtime/files.h"
#include "runtime/state_directory.h"
#include "wire/task.pb.h"

namespace litebox::shim {
namespace {

// The working directory is a bundle, not necessarily this container's.
std::string bundle_of(const std::string& id) {
  std::error_code failure;
  const std::filesystem::path here = std::filesystem::current_path(failure);
  return (here.parent_path() / id).string();
}

std::string root_of(const std::string& bundle, const std::string& namespace_name) {
  const auto note = runtime::read_file(AT_FDCWD, bundle + "/" + containerd::kRootNote);
  return note.ok() && !note->empty() ? *note : std::string(containerd::kDefaultRoot) + "/" + namespace_name;
}

}  // namespace

Result<int> remove(const ShimArguments& arguments) {
  if (arguments.id.empty()) return Error("shim id cannot be empty");
  const std::string bundle = bundle_of(arguments.id);
  const std::string root = root_of(bundle, arguments.namespace_name);
  containerd::wire::DeleteResponse response;
  if (const auto directory = runtime::StateDirectory::open(root, arguments.id); directory.ok()) {
    const auto record = directory->read_record();
    if (record.ok()) response.set_pid(static_cast<uint32_t>(record->keeper.pid));
  }
  const containerd::Outcome outcome = containerd::destroy_in_child(root, arguments.id, bundle, true);
  if (!outcome.ok()) return Error(outcome.failure.message);
  response.set_exit_status(128 + SIGKILL);
  *response.mutable_exited_at() = containerd::timestamp_now();
  LITEBOX_TRY(write_standard_output(response.SerializeAsString()));
  return 0;
}

}  // namespace litebox::shim
