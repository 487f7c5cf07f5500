#include "shim/monitor/neighbours.h"

#include <poll.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "base/unix_socket.h"
#include "shim/monitor/control_protocol.h"

namespace litebox::monitor {
namespace {

using nlohmann::json;

constexpr int kPatience = 5000;  // milliseconds

}  // namespace

json describe_state(const kernel::ProcessState& state) {
  const kernel::Credentials& from = *state.credentials;
  return {{"uids", {from.uid, from.euid, from.suid, from.fsuid}},
          {"gids", {from.gid, from.egid, from.sgid, from.fsgid}},
          {"groups", from.groups},
          {"capabilities", {from.inheritable, from.permitted, from.effective, from.bounding, from.ambient}},
          {"securebits", from.securebits},
          {"noNewPrivileges", from.no_new_privileges},
          {"umask", state.umask},
          {"executable", state.executable_path},
          {"dumpable", state.dumpable}};
}

Result<kernel::ProcessState> ask_for_state(const std::string& directory, HostPid process) {
  const auto socket = connect_unix(directory, kControlSocketName, SOCK_SEQPACKET);
  if (!socket.ok() || !send_message(socket->get(), json{{"op", "describe"}, {"pid", process.value()}}.dump()).ok()) {
    return Error(ESRCH);
  }
  pollfd entry{socket->get(), POLLIN, 0};
  if (::poll(&entry, 1, kPatience) <= 0) return Error(ESRCH);
  const auto message = receive_message(socket->get(), kControlMessageLimit);
  if (!message.ok()) return Error(ESRCH);
  const json answer = json::parse(message->text, nullptr, false);
  if (!answer.is_object()) return Error(ESRCH);
  try {
    if (!answer.value("ok", false)) return Error(ESRCH);
    auto credentials = std::make_shared<kernel::Credentials>();
    const auto uids = answer.at("uids").get<std::array<uid_t, 4>>();
    const auto gids = answer.at("gids").get<std::array<gid_t, 4>>();
    const auto sets = answer.at("capabilities").get<std::array<uint64_t, 5>>();
    credentials->uid = uids[0];
    credentials->euid = uids[1];
    credentials->suid = uids[2];
    credentials->fsuid = uids[3];
    credentials->gid = gids[0];
    credentials->egid = gids[1];
    credentials->sgid = gids[2];
    credentials->fsgid = gids[3];
    answer.at("groups").get_to(credentials->groups);
    credentials->inheritable = sets[0];
    credentials->permitted = sets[1];
    credentials->effective = sets[2];
    credentials->bounding = sets[3];
    credentials->ambient = sets[4];
    answer.at("securebits").get_to(credentials->securebits);
    answer.at("noNewPrivileges").get_to(credentials->no_new_privileges);
    kernel::ProcessState state;
    state.credentials = std::move(credentials);
    answer.at("umask").get_to(state.umask);
    answer.at("executable").get_to(state.executable_path);
    answer.at("dumpable").get_to(state.dumpable);
    return state;
  } catch (const json::exception&) {
    return Error(ESRCH);
  }
}

}  // namespace litebox::monitor
