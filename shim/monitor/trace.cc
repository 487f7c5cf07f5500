#include "shim/monitor/trace.h"

#include "shim/table/decode.h"

namespace litebox::monitor {

std::string trace_call(const syscalls::Call& call) {
  table::MemoryReader reader;
  reader.bytes = [&call](uint64_t address, size_t size) -> std::optional<std::string> {
    std::string bytes(size, '\0');
    if (!call.memory.read(GuestAddress(address), bytes.data(), size).ok()) return std::nullopt;
    return bytes;
  };
  reader.string = [&call](uint64_t address, size_t limit) -> std::optional<std::string> {
    auto text = call.memory.read_string(GuestAddress(address), limit);
    if (!text.ok()) return std::nullopt;
    return std::move(text).value();
  };
  return "[" + std::to_string(call.thread.value()) + "] " + table::decode_call(call.number, call.arguments, reader);
}

std::string trace_result(syscalls::Reply& reply) {
  using syscalls::Reply;
  if (const auto* value = std::get_if<Reply::Value>(&reply.kind())) return " = " + table::decode_result(value->value);
  if (std::holds_alternative<Reply::InstallFd>(reply.kind())) return " = a descriptor";
  if (std::holds_alternative<Reply::Exec>(reply.kind())) return " = ? (executes)";
  return " = ? (by the kernel)";
}

}  // namespace litebox::monitor
