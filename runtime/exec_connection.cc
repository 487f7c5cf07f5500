#include "runtime/exec_connection.h"

#include <signal.h>

#include <nlohmann/json.hpp>

#include "oci/process_json.h"

namespace litebox::runtime {

using Json = nlohmann::json;

namespace {

constexpr int kSignalPatience = 2000;  // milliseconds

}  // namespace

Result<ExecConnection> ExecConnection::begin(const std::string& state_directory, const ExecOrder& order, bool detach) {
  LITEBOX_ASSIGN(ControlClient client, ControlClient::connect(state_directory));
  const Json request = {{"op", "exec"},
                        {"process", Json::parse(oci::process_to_json(order.process))},
                        {"cgroups", order.cgroups},
                        {"detach", detach}};
  LITEBOX_ASSIGN(const Json answer, client.request(request, order.descriptors));
  return ExecConnection(state_directory, std::move(client), answer.value("pid", 0));
}

int ExecConnection::take_status() {
  const auto message = client_.receive();
  return message.ok() ? message->value("exited", SIGKILL) : SIGKILL;
}

void ExecConnection::signal(int number) {
  auto client = ControlClient::connect(state_directory_);
  if (client.ok()) (void)client->request({{"op", "signal"}, {"pid", pid_}, {"signal", number}}, {}, kSignalPatience);
}

}  // namespace litebox::runtime
