// Rewritten text in place of a file's own (shim/rewrite/patched_text.h).
#pragma once

#include "shim/guest/abi.h"
#include "shim/guest/native.h"

namespace litebox::guest {

// Maps the changed pages and their trampolines, where there are any, over the text that begins at `address`, and closes the
// descriptor. What there is no room for stays as it is: all of it works unchanged as well.
void map_rewritten_text(const abi::RewrittenText& text, uint64_t address);

}  // namespace litebox::guest
