// What a fuzzer does before it lets hostile input act on the host: it gives up root for good, and works in a directory that
// is gone when it ends.
#pragma once

#include <string>

namespace litebox::fuzz {

// Root becomes nobody, without any capability and for good; whoever else this is stays that.
void give_up_root();

// Enters namespaces of its own for users, mounts, the network, IPC and host names, where this process has every capability over
// its own files, and a /dev/shm of its own. False where the host does not let ordinary users have any, or this process has
// several threads.
// `as_root`: by the number 0, or with the ids that it has.
bool enter_own_namespaces(bool as_root);

// Also those over its own namespaces.
void give_up_capabilities();

// Removes what is there with all below it, whatever its directories permit.
void remove_tree(const std::string& path);

// A new directory in memory, removed with all that is in it when the process ends.
std::string make_work_directory();

}  // namespace litebox::fuzz
