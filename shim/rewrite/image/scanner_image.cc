#include "shim/rewrite/scanner_image.h"

asm(R"(
  .pushsection .rodata
  .balign 4096
  .global litebox_scanner_begin, litebox_scanner_end
litebox_scanner_begin:
  .incbin ")" LITEBOX_SCANNER_FILE R"("
litebox_scanner_end:
  .popsection
)");

extern "C" const std::byte litebox_scanner_begin[];
extern "C" const std::byte litebox_scanner_end[];

namespace litebox::rewrite {

std::span<const std::byte> scanner_image() { return {litebox_scanner_begin, litebox_scanner_end}; }

}  // namespace litebox::rewrite
