// Any bytes as a connection of a ttrpc client: frames, requests, the messages of every method and what is read out of them.
// However the bytes are cut into pieces, the frames are the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "runtime/containerd/bootstrap.h"
#include "runtime/containerd/frame.h"
#include "runtime/containerd/rootfs_mounts.h"
#include "runtime/containerd/stream_uri.h"
#include "runtime/containerd/task_options.h"
#include "wire/task.pb.h"
#include "wire/ttrpc.pb.h"

namespace {

using namespace litebox::containerd;  // NOLINT(google-build-using-namespace): what is fuzzed

std::vector<Frame> frames_of(std::string_view bytes, size_t step) {
  FrameParser parser;
  std::vector<Frame> frames;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      const size_t used = parser.feed(piece);
      piece.remove_prefix(used);
      if (auto frame = parser.take()) {
        frames.push_back(std::move(*frame));
      } else if (used == 0) {
        std::abort();  // no progress
      }
    }
  }
  return frames;
}

template <typename Message>
Message parsed(const std::string& payload) {
  Message message;
  if (!message.ParseFromString(payload)) message.Clear();
  // What was understood can be said again.
  Message again;
  if (!again.ParseFromString(message.SerializeAsString())) std::abort();
  return message;
}

void try_request(const wire::Request& request) {
  const auto create = parsed<wire::CreateRequest>(request.payload());
  (void)read_task_options(create.options().type_url(), create.options().value());
  (void)parse_stream_uri(create.stdout());
  for (const wire::Mount& mount : create.rootfs()) {
    const MountArguments arguments = parse_mount_options({mount.options().begin(), mount.options().end()});
    const std::string directory = common_lower_directory(arguments.data);
    if (!directory.empty()) (void)with_relative_lower_directories(arguments.data, directory);
  }
  const auto exec = parsed<wire::ExecRequest>(request.payload());
  (void)shim_group(exec.spec().value(), exec.id());
  (void)parsed<wire::UpdateRequest>(request.payload());
  (void)parsed<wire::KillRequest>(request.payload());
  (void)parsed<wire::ResizePtyRequest>(request.payload());
  (void)read_bootstrap_input(request.payload(), {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<Frame> whole = frames_of(bytes, SIZE_MAX);
  const std::vector<Frame> pieces = frames_of(bytes, 3);
  if (whole.size() != pieces.size()) std::abort();
  for (size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].payload != pieces[i].payload || whole[i].stream != pieces[i].stream) std::abort();
    wire::Request request;
    if (request.ParseFromString(whole[i].payload)) try_request(request);
  }
  return 0;
}
