#include "oci/config.h"

#include <algorithm>

namespace litebox::oci {

bool Mount::has_option(std::string_view name) const { return std::find(options.begin(), options.end(), name) != options.end(); }

bool Mount::is_bind() const { return type == "bind" || has_option("bind") || has_option("rbind"); }

}  // namespace litebox::oci
