// containerd-shim-litebox-v2: the shim of containerd's runtime v2 for litebox.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cmd/containerd-shim-litebox-v2/actions.h"

namespace litebox::shim {
namespace {

constexpr size_t kInputLimit = 10U << 20U;  // bytes

Result<int> run(const std::vector<std::string>& words) {
  LITEBOX_ASSIGN(const ShimArguments arguments, containerd::parse_shim_arguments(words));
  if (arguments.version) {
    LITEBOX_TRY(write_standard_output("containerd-shim-litebox-v2:\n  Version:  " LITEBOX_VERSION "\n"));
    return 0;
  }
  if (arguments.info) return info();
  if (arguments.namespace_name.empty()) return Error("shim namespace cannot be empty");
  if (arguments.action == "start") return start(arguments);
  if (arguments.action == "delete") return remove(arguments);
  if (!arguments.action.empty()) return Error("no such action: " + arguments.action);
  return serve(arguments);
}

}  // namespace

Result<std::string> read_standard_input() {
  std::string text;
  std::array<char, 4096> buffer{};
  while (text.size() < kInputLimit) {
    const ssize_t length = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return last_error("read standard input");
    if (length == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(length));
  }
  return Error(EFBIG, "standard input");
}

Status write_standard_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t length = write(STDOUT_FILENO, text.data(), text.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return last_error("write standard output");
    text.remove_prefix(static_cast<size_t>(length));
  }
  return {};
}

}  // namespace litebox::shim

int main(int argc, char** argv) {
  try {
    const auto code = litebox::shim::run({argv + std::min(argc, 1), argv + argc});
    if (code.ok()) return *code;
    std::cerr << "containerd-shim-litebox-v2: " << code.error().message() << std::endl;
  } catch (const std::exception& failure) {
    std::cerr << "containerd-shim-litebox-v2: " << failure.what() << std::endl;
  }
  return 1;
}
