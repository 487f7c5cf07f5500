// The protocol between litebox commands and a container's monitor: one SOCK_SEQPACKET connection a request on
// <state directory>/<id>/control.sock (0600), one message each way. A request is one JSON object, with descriptors by
// SCM_RIGHTS where noted; the answer is {"ok":true,...} or {"ok":false,"error":TEXT}.
//
//   {"op":"start"}                                    the created program is executed; answers once exec is certain
//   {"op":"status"}                                   -> {"status":"created|running|paused|stopped","pid":INIT}
//   {"op":"kill","signal":N,"all":BOOL}               from outside, as to a pid namespace's init; "container not running"
//   {"op":"members"}                                  -> {"pids":[host pids]}
//   {"op":"exec","process":PROCESS,"detach":BOOL}     fds: stdin, stdout, stderr [, preserved ...]
//        "cgroups":[DIRECTORIES] that it joins instead of the container's own
//        -> {"pid":HOST PID}, then, when the process ends, a second message {"exited":STATUS} (a wait status)
//   {"op":"describe","pid":HOST PID}                  what a container that shares its processes asks (neighbours.h)
//   {"op":"signal","pid":HOST PID,"signal":N}         to one process made by exec on this connection's behalf
//   {"op":"pause"} {"op":"resume"}                   where there is no cgroup to freeze; answer once all stand still, or go on
//        an exec during a pause is answered after it
#pragma once

namespace litebox::monitor {

constexpr const char* kControlSocketName = "control.sock";
constexpr unsigned kControlMessageLimit = 4U << 20U;

}  // namespace litebox::monitor
