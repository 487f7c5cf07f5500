// Walking a path: Tree::resolve. Follows fs/namei.c (link_path_walk, walk_component, step_into, pick_link, handle_dots); the
// semantics are path_resolution(7)'s, the restrictions openat2(2)'s.
#include <unistd.h>

#include <climits>
#include <optional>
#include <string>

#include "rootfs/mount_table.h"
#include "rootfs/scoped_identity.h"
#include "rootfs/tree.h"
#include "rootfs/tree_path.h"

namespace litebox::rootfs {
namespace {

constexpr int kMaxSymlinks = 40;  // MAXSYMLINKS

class Walk {
 public:
  Walk(const MountTable& table, const Subject& subject, const Location& task_root, const Location& start,
       const ResolveOptions& options)
      : table_(table), subject_(subject), task_root_(task_root), start_(start), options_(options) {
    plain_ = !options.no_symlinks && !options.no_magic_links && !scoped() && !options.no_cross_mount;
  }

  Result<Resolved> run(std::string_view path);

 private:
  // One component of the path that is left.
  struct Component {
    std::string name;
    size_t end = 0;        // where it ends in rest_
    bool final = false;    // nothing but slashes follows
    bool slashes = false;  // at least one does
  };

  bool scoped() const { return options_.beneath || options_.in_root; }
  void act_on(const Node& node);
  bool skip_slashes();
  Component next_component() const;
  Status jump_to_root(bool from_link);
  Result<Location> up();
  Result<bool> hurry();
  Result<bool> follow(const Location& link, const Component& component);
  Status arrive(const Location& target, const Component& component);
  Status check_scope() const;

  const MountTable& table_;
  const Subject& subject_;
  const Location& task_root_;
  const Location& start_;
  const ResolveOptions& options_;
  bool plain_ = true;      // no restriction: several components may be looked up at once
  bool may_hurry_ = true;  // false from a failed attempt to the next symlink
  bool climbed_ = false;
  bool root_known_ = false;  // nd->root is set
  int links_ = 0;
  std::string rest_;
  size_t at_ = 0;
  Location here_;
  Resolved resolved_;
  std::optional<ScopedIdentity> acting_;
};

// Takes on the subject's identity once for a series of nodes that would each do so, and gives it up before any other.
void Walk::act_on(const Node& node) {
  if (!node.acts_as_subject()) {
    acting_.reset();
  } else if (!acting_) {
    acting_.emplace(*subject_.identity);
  }
}

bool Walk::skip_slashes() {
  at_ = rest_.find_first_not_of('/', at_);
  if (at_ == std::string::npos) at_ = rest_.size();
  return at_ < rest_.size();
}

Walk::Component Walk::next_component() const {
  Component component;
  component.end = std::min(rest_.find('/', at_), rest_.size());
  component.name = rest_.substr(at_, component.end - at_);
  component.slashes = component.end < rest_.size();
  component.final = rest_.find_first_not_of('/', component.end) == std::string::npos;
  return component;
}

// nd_jump_root()
Status Walk::jump_to_root(bool from_link) {
  if (options_.beneath) return Error(EXDEV);
  const Location& root = options_.in_root ? start_ : task_root_;
  // The kernel compares with a root that it has only looked up by now if the path began there or had a "..".
  if (options_.no_cross_mount && from_link && (!root_known_ || here_.mount != root.mount)) return Error(EXDEV);
  root_known_ = true;
  here_ = root;
  return {};
}

// follow_dotdot()
Result<Location> Walk::up() {
  climbed_ = true;
  root_known_ = true;
  Location here = here_;
  bool left_mount = false;
  while (true) {
    if (scoped() && same_place(here, start_)) {
      if (options_.beneath) return Error(EXDEV);
      return here;
    }
    if (same_place(here, task_root_)) return here;
    if (!(here.node->key() == here.mount->root->key())) break;
    const auto place = here.mount->place();
    if (!place) return here;
    if (options_.no_cross_mount) return Error(EXDEV);
    here = place->mountpoint;
    left_mount = true;
  }
  // Of what a mount covers nothing is asked: the directory on top of it has let the walk through.
  if (left_mount) {
    acting_.reset();
  } else {
    act_on(*here.node);
  }
  LITEBOX_ASSIGN(NodePtr parent, here.node->parent(left_mount ? runtime_subject() : subject_));
  if (!connected(*here.mount, *parent)) return Error(ENOENT);
  Location above = table_.cross({here.mount, std::move(parent)});
  if (options_.no_cross_mount && above.mount != here.mount) return Error(EXDEV);
  return above;
}

// Looks up as many components at once as are sure to stay in this mount and to need nothing but lookups; all of them, but
// for the last one where the caller wants its parent. True when the walk has got further; the walk may have ended then.
Result<bool> Walk::hurry() {
  if (!plain_ || !may_hurry_) return false;
  size_t last_at = at_;
  size_t end = at_;
  size_t parts = 0;
  bool all = false;
  for (size_t at = at_; at < rest_.size();) {
    const size_t stop = std::min(rest_.find('/', at), rest_.size());
    const std::string_view name = std::string_view(rest_).substr(at, stop - at);
    const size_t next = std::min(rest_.find_first_not_of('/', stop), rest_.size());
    const bool last = next == rest_.size();
    if (name == ".." || table_.has_name(name) || (last && (options_.want_parent || stop < rest_.size() || name == "."))) {
      break;
    }
    last_at = at;
    end = stop;
    ++parts;
    all = last;
    at = next;
  }
  // What links have made longer than any path is looked up one by one.
  if (parts < 2 || end - at_ >= PATH_MAX) return false;
  auto found = here_.node->lookup_path(subject_, rest_.substr(at_, end - at_));
  if (!found.ok() && found.error().number() != EXDEV) return std::move(found).error();
  if (!found.ok()) {
    may_hurry_ = false;
    return false;
  }
  if ((*found)->is_symlink() && (!all || options_.follow_final)) {
    // Its directory is not known here, but its path is: what the link says is looked up behind that.
    const std::string directory = rest_.substr(at_, last_at - at_);
    Component component;
    component.end = end;
    LITEBOX_TRY(follow({here_.mount, std::move(*found)}, component));
    if (rest_.front() != '/') rest_.insert(0, directory);
    return true;
  }
  here_.node = std::move(*found);
  at_ = end;
  return true;
}

// pick_link() and get_link(): false when the walk goes on at the link's own place, true when it has ended (a magic link).
Result<bool> Walk::follow(const Location& link, const Component& component) {
  if (links_++ >= kMaxSymlinks) return Error(ELOOP);
  if (options_.no_symlinks || link.mount->flags.no_symlink_follow) return Error(ELOOP);
  act_on(*link.node);
  LITEBOX_ASSIGN(std::optional<Location> magic, link.node->magic_target(subject_));
  if (magic) {
    if (options_.no_magic_links) return Error(ELOOP);
    if (scoped() || (options_.no_cross_mount && magic->mount != link.mount)) return Error(EXDEV);
    here_ = std::move(*magic);
    at_ = component.end;
    if (!component.final) return false;
    if (component.slashes && !here_.node->is_directory()) return Error(ENOTDIR);
    resolved_.target = here_;
    resolved_.trailing_slash = component.slashes;
    return true;
  }
  LITEBOX_ASSIGN(std::string text, link.node->read_link(subject_));
  if (text.empty()) return Error(ENOENT);
  const bool absolute = text.front() == '/';
  rest_ = std::move(text) + rest_.substr(component.end);
  at_ = 0;
  may_hurry_ = true;
  if (absolute) LITEBOX_TRY(jump_to_root(true));
  return false;
}

Status Walk::arrive(const Location& target, const Component& component) {
  resolved_.target = target;
  resolved_.trailing_slash = component.slashes;
  if (component.slashes && !options_.want_parent && !target.node->is_directory()) return Error(ENOTDIR);
  return {};
}

// A directory may have been moved while this walk climbed out of it: what was found must still be below the start.
Status Walk::check_scope() const {
  if (!scoped() || !climbed_) return {};
  const Location& last = resolved_.target.node ? resolved_.target : resolved_.parent;
  return path_below(start_, last) ? Status() : Status(Error(EAGAIN));
}

Result<Resolved> Walk::run(std::string_view path) {
  if (path.empty()) return Error(ENOENT);
  if (path.size() >= PATH_MAX) return Error(ENAMETOOLONG);
  rest_ = path;
  here_ = start_;
  root_known_ = scoped();
  if (path.front() == '/') LITEBOX_TRY(jump_to_root(false));

  while (skip_slashes()) {
    if (!here_.node->is_directory()) return Error(ENOTDIR);
    act_on(*here_.node);
    LITEBOX_ASSIGN(const bool hurried, hurry());
    if (hurried && at_ == rest_.size()) {
      resolved_.target = here_;
      return resolved_;
    }
    if (hurried) continue;
    const Component component = next_component();

    if (component.name == "." || component.name == "..") {
      LITEBOX_TRY(here_.node->check_access(subject_, X_OK));
      if (component.final && options_.want_parent) resolved_.parent = here_;
      if (component.name == "..") {
        LITEBOX_ASSIGN(here_, up());
      }
      at_ = component.end;
      if (!component.final) continue;
      resolved_.last = component.name == "." ? LastComponent::dot : LastComponent::dot_dot;
      LITEBOX_TRY(arrive(here_, component));
      LITEBOX_TRY(check_scope());
      return resolved_;
    }

    const bool refused = options_.make_file && component.final && component.slashes;
    if (refused || component.name.size() > NAME_MAX) LITEBOX_TRY(here_.node->check_access(subject_, X_OK));
    if (refused) return Error(EISDIR);  // open_last_lookups(), of a link's text too
    auto child =
        component.name.size() > NAME_MAX ? Result<NodePtr>(Error(ENAMETOOLONG)) : here_.node->lookup(subject_, component.name);
    if (component.final && options_.want_parent) {
      resolved_.parent = here_;
      resolved_.name = component.name;
    }
    if (!child.ok()) {
      if (!component.final || !options_.want_parent || child.error().number() != ENOENT) return std::move(child).error();
      resolved_.trailing_slash = component.slashes;
      LITEBOX_TRY(check_scope());
      return resolved_;
    }
    const Location found = table_.cross({here_.mount, std::move(*child)}, component.name);
    if (options_.no_cross_mount && found.mount != here_.mount) return Error(EXDEV);

    const bool follows = !component.final || options_.follow_final || (component.slashes && !options_.want_parent);
    if (found.node->is_symlink() && follows) {
      resolved_.parent = {};
      resolved_.name.clear();
      LITEBOX_ASSIGN(const bool ended, follow(found, component));
      if (ended) return resolved_;
      if (at_ == rest_.size()) break;
      continue;
    }
    if (component.final) {
      LITEBOX_TRY(arrive(found, component));
      LITEBOX_TRY(check_scope());
      return resolved_;
    }
    here_ = found;
    at_ = component.end;
  }
  resolved_.last = LastComponent::root;
  if (options_.want_parent) resolved_.parent = here_;
  resolved_.target = here_;
  resolved_.trailing_slash = true;
  return resolved_;
}

}  // namespace

Result<Resolved> Tree::resolve(const Subject& subject, const Location& task_root, const Location& start, std::string_view path,
                               const ResolveOptions& options) {
  const std::shared_ptr<const MountTable> mounts = table();
  return Walk(*mounts, subject, task_root, start, options).run(path);
}

}  // namespace litebox::rootfs
