/* host_store.c: the folder with the journal and the old files; changes and their undoing. Exports
 * host_store_*. */
#include "tool/host_store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "tool/host_facts.h"
#include "tool/host_put.h"
#include "tool/host_text.h"

static const char journal_path[] = HOST_STORE_FOLDER "/journal";
static const char first_line[] = "jidns host 1";

static void kept_path(unsigned i, const char *which, char path[80]) {
  snprintf(path, 80, HOST_STORE_FOLDER "/%u.%s", i, which);
}

static bool complain(FILE *err, const char *path, const char *what) {
  fprintf(err, "jidns host: %s: %s\n", path, what);
  return false;
}

/* ---- the journal ---- */

static const char *const kind_words[] = {[HOST_MISSING] = "none", [HOST_FILE] = "file", [HOST_LINK] = "link"};

static bool read_kind(const char *word, enum host_kind *kind) {
  for (unsigned i = HOST_MISSING; i <= HOST_LINK; i++) {
    if (strcmp(word, kind_words[i]) != 0) continue;
    *kind = (enum host_kind)i;
    return true;
  }
  return false;
}

static bool read_entry(const char *line, struct host_entry *e) {
  char before[8], after[8], how[8], folder[8], writer[8];
  unsigned mode, new_mode, uid, gid;
  long long s;
  long ns;
  *e = (struct host_entry){0};
  if (sscanf(line, "change %63s %7s %7s %7s %7s %7s %o %o %u %u %lld %ld", e->path, before, after, how,
             folder, writer, &mode, &new_mode, &uid, &gid, &s, &ns) != 12)
    return false;
  e->in_place = strcmp(how, "write") == 0;
  e->made_folder = strcmp(folder, "made") == 0;
  e->writer = strcmp(writer, "manager") == 0 ? HOST_WRITER_MANAGER : HOST_WRITER_NONE;
  e->mode = mode;
  e->new_mode = new_mode;
  e->uid = uid;
  e->gid = gid;
  e->written = (struct timespec){.tv_sec = (time_t)s, .tv_nsec = ns};
  return read_kind(before, &e->kind) && read_kind(after, &e->new_kind);
}

static bool read_line(const char *line, struct host_store *s) {
  if (strncmp(line, "command ", 8) == 0) {
    snprintf(s->command, sizeof s->command, "%s", line + 8);
    return true;
  }
  if (strcmp(line, "state begun") == 0 || strcmp(line, "state final") == 0) {
    s->state = line[6] == 'b' ? HOST_STORE_BEGUN : HOST_STORE_FINAL;
    return true;
  }
  if (s->count == HOST_CHANGES || !read_entry(line, &s->entries[s->count])) return false;
  s->count++;
  return true;
}

void host_store_read(const char *root, struct host_store *s) {
  struct host_file file;
  *s = (struct host_store){.root = root, .lock = -1};
  host_file_read(root, journal_path, &file);
  if (file.text) {
    char *rest = file.text, *line = strsep(&rest, "\n");
    bool good = strcmp(line, first_line) == 0;
    while (good && (line = strsep(&rest, "\n"))) good = !*line || read_line(line, s);
    if (!good || s->state == HOST_STORE_NONE) s->state = HOST_STORE_UNREAD;
  } else if (file.error != ENOENT && file.error != ENOTDIR) {
    s->state = HOST_STORE_UNREAD;
  }
  host_file_free(&file);
}

static bool write_journal(struct host_store *s, enum host_store_state state, FILE *err) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  must(out);
  fprintf(out, "%s\nstate %s\n", first_line, state == HOST_STORE_FINAL ? "final" : "begun");
  for (unsigned i = 0; i < s->count; i++) {
    const struct host_entry *e = &s->entries[i];
    fprintf(out, "change %s %s %s %s %s %s %o %o %u %u %lld %ld\n", e->path, kind_words[e->kind],
            kind_words[e->new_kind], e->in_place ? "write" : "replace", e->made_folder ? "made" : "there",
            e->writer == HOST_WRITER_MANAGER ? "manager" : "nobody", (unsigned)e->mode, (unsigned)e->new_mode,
            (unsigned)e->uid, (unsigned)e->gid, (long long)e->written.tv_sec, e->written.tv_nsec);
  }
  if (*s->command) fprintf(out, "command %s\n", s->command);
  must(fclose(out) == 0);

  struct host_put put = {.kind = HOST_FILE, .text = text, .len = len, .mode = 0644};
  bool good = host_put_replace(s->root, journal_path, &put) || complain(err, journal_path, strerror(errno));
  free(text);
  if (good) s->state = state;
  return good;
}

/* ---- the folder ---- */

/* Whoever had the lock before may have taken the folder away, or changed the host. */
static bool is_as_read(struct host_store *s, const char *folder) {
  struct stat held, there;
  struct host_store now;
  if (fstat(s->lock, &held) != 0 || stat(folder, &there) != 0 || held.st_ino != there.st_ino) return false;
  host_store_read(s->root, &now);
  return now.state == s->state && now.count == s->count;
}

static void let_go(struct host_store *s) {
  if (s->lock >= 0) close(s->lock);
  s->lock = -1;
}

bool host_store_lock(struct host_store *s, FILE *err) {
  char *folder = host_path_join(s->root, HOST_STORE_FOLDER);
  bool made = host_put_folder(s->root, HOST_STORE_FOLDER);
  s->lock = made ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  const char *why = s->lock < 0 ? strerror(errno)
                    : flock(s->lock, LOCK_EX | LOCK_NB) != 0
                        ? "another jidns host is at work; wait until it has ended"
                    : !is_as_read(s, folder) ? "another jidns host was at work just now; try again"
                                             : NULL;
  free(folder);
  if (!why) return true;
  let_go(s);
  return complain(err, HOST_STORE_FOLDER, why);
}

/* The folder goes when nothing is in it. */
void host_store_unlock(struct host_store *s) {
  char *folder = host_path_join(s->root, HOST_STORE_FOLDER);
  rmdir(folder);
  free(folder);
  let_go(s);
}

/* ---- before anything is changed ---- */

static bool is_immutable(const char *joined) {
  int flags = 0, fd = open(joined, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  bool immutable = fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_IMMUTABLE_FL;
  if (fd >= 0) close(fd);
  return immutable;
}

/* The deepest folder above path that is there; owned. */
static char *folder_above(const char *root, const char *path) {
  char *joined = host_path_join(root, path);
  struct stat st;
  do {
    char *slash = strrchr(joined, '/');
    if (!slash || slash == joined) break;
    *slash = 0;
  } while (stat(joined, &st) != 0);
  if (!*joined) strcpy(joined, "/");
  return joined;
}

static bool try_one(const char *root, const struct host_change *c, const struct host_file *file, FILE *err) {
  char *joined = host_path_join(root, c->path), *folder = folder_above(root, c->path);
  const char *why = NULL;
  if (file->mounted && c->kind == HOST_LINK)
    why = "is mounted from elsewhere, and can't become a link; umount it, or change it where it comes from";
  else if (file->kind == HOST_OTHER || (file->kind == HOST_FILE && !file->text))
    why = "is not a file that can be kept; move it away";
  else if (file->kind == HOST_FILE && is_immutable(joined))
    why = "is immutable (chattr +i), so somebody wants it as it is; chattr -i allows the change";
  else if (!file->mounted && is_immutable(folder))
    why = "its folder is immutable; chattr -i allows the change";
  else if (faccessat(AT_FDCWD, file->mounted ? joined : folder, W_OK, AT_EACCESS) != 0)
    why = errno == EROFS
              ? "lies on a file system that is read-only; change it where the system's image is made"
              : strerror(errno);
  if (why) complain(err, c->path, why);
  free(joined);
  free(folder);
  return !why;
}

bool host_store_try(struct host_store *s, const struct host_plan *p, FILE *err) {
  bool good = true;
  for (unsigned i = 0; i < p->change_count && good; i++) {
    struct host_file file;
    host_file_read(s->root, p->changes[i].path, &file);
    good = try_one(s->root, &p->changes[i], &file, err);
    host_file_free(&file);
  }
  return good;
}

/* ---- changes ---- */

static bool folder_exists(const char *root, const char *path) {
  char *above = folder_above(root, path), *joined = host_path_join(root, path);
  *strrchr(joined, '/') = 0;
  bool same = strcmp(above, *joined ? joined : "/") == 0;
  free(above);
  free(joined);
  return same;
}

/* Keeps what is at its path now, and what will be. */
static bool keep_one(struct host_store *s, const struct host_change *c, FILE *err) {
  struct host_entry *e = &s->entries[s->count];
  struct host_file file;
  char before[80], after[80];
  host_file_read(s->root, c->path, &file);
  kept_path(s->count, "before", before);
  kept_path(s->count, "after", after);

  *e = (struct host_entry){.writer = c->writer,
                           .kind = file.kind,
                           .new_kind = c->kind,
                           .in_place = file.mounted,
                           .made_folder = !folder_exists(s->root, c->path),
                           .mode = file.mode,
                           .new_mode = file.kind == HOST_FILE ? file.mode : c->mode,
                           .uid = file.uid,
                           .gid = file.gid,
                           .written = file.written};
  snprintf(e->path, sizeof e->path, "%s", c->path);

  /* a link's target is kept as a text */
  struct host_put old = {.kind = HOST_FILE, .text = file.text, .len = file.len, .mode = 0600}, new = old;
  if (file.kind == HOST_FILE) old.like = c->path;
  if (file.kind == HOST_LINK) old.text = file.target, old.len = strlen(file.target);
  new.text = c->text;
  new.len = strlen(c->text);
  bool good = (file.kind == HOST_MISSING || host_put_replace(s->root, before, &old)) &&
              host_put_replace(s->root, after, &new);
  if (!good) complain(err, HOST_STORE_FOLDER, strerror(errno));
  host_file_free(&file);
  s->count++;
  return good;
}

static bool put(struct host_store *s, const struct host_entry *e, const struct host_put *what) {
  return e->in_place ? host_put_write(s->root, e->path, what) : host_put_replace(s->root, e->path, what);
}

static bool change_one(struct host_store *s, unsigned i, const struct host_change *c, FILE *err) {
  struct host_entry *e = &s->entries[i];
  char *folder = strdup(e->path);
  must(folder);
  *strrchr(folder, '/') = 0;
  struct host_put new = {.kind = c->kind, .text = c->text, .len = strlen(c->text), .mode = e->new_mode};
  if (e->kind == HOST_FILE) {
    new.uid = e->uid;
    new.gid = e->gid;
    new.like = e->path;
  }
  bool good = (!e->made_folder || host_put_folder(s->root, folder)) && put(s, e, &new);
  if (!good) complain(err, e->path, strerror(errno));
  free(folder);
  return good;
}

bool host_store_change(struct host_store *s, const struct host_plan *p, FILE *err) {
  s->count = 0;
  snprintf(s->command, sizeof s->command, "%s", p->command ? p->command : "");
  for (unsigned i = 0; i < p->change_count; i++) {
    if (!keep_one(s, &p->changes[i], err)) return false;
  }

  /* From here on whoever finds the journal can undo all. */
  if (!write_journal(s, HOST_STORE_BEGUN, err)) return false;
  for (unsigned i = 0; i < p->change_count; i++) {
    if (!change_one(s, i, &p->changes[i], err)) return false;
  }
  return true;
}

bool host_store_finish(struct host_store *s, FILE *err) { return write_journal(s, HOST_STORE_FINAL, err); }

/* ---- and back ---- */

static bool is_as(const struct host_file *now, enum host_kind kind, const struct host_file *kept) {
  if (now->kind != kind) return false;
  if (kind == HOST_MISSING) return true;
  if (!kept->text) return false;
  if (kind == HOST_LINK) return strcmp(now->target, kept->text) == 0;
  return now->text && now->len == kept->len && memcmp(now->text, kept->text, kept->len) == 0;
}

/* A file that was written to in place, and not to its end. */
static bool is_torn(const struct host_entry *e, const struct host_file *now, const struct host_file *whole) {
  return e->in_place && now->text && whole->text && now->len < whole->len &&
         memcmp(now->text, whole->text, now->len) == 0;
}

static bool put_back(struct host_store *s, unsigned i, const struct host_file *before) {
  const struct host_entry *e = &s->entries[i];
  char kept[80];
  kept_path(i, "before", kept);
  if (e->kind == HOST_MISSING) return host_put_remove(s->root, e->path, e->made_folder);
  struct host_put old = {.kind = e->kind,
                         .text = before->text,
                         .len = before->len,
                         .mode = e->mode,
                         .uid = e->uid,
                         .gid = e->gid,
                         .written = e->written,
                         .like = kept};
  return put(s, e, &old);
}

static bool tell_left(const struct host_store *s, unsigned i, FILE *err) {
  const struct host_entry *e = &s->entries[i];
  fprintf(err, "jidns host: %s was changed since jidns host enable, and jidns leaves it as it is.\n",
          e->path);
  if (e->kind == HOST_MISSING) fprintf(err, "  It was not there before. To be rid of it: rm %s\n", e->path);
  else if (e->kind == HOST_LINK)
    fprintf(err, "  It was a link before. To put that back: ln -sfn \"$(cat %s%s/%u.before)\" %s\n", s->root,
            HOST_STORE_FOLDER, i, e->path);
  else
    fprintf(err, "  To put the old one back: cp %s%s/%u.before %s\n", s->root, HOST_STORE_FOLDER, i, e->path);
  fprintf(err, "  Then, or to keep it as it is: rm -r %s%s\n", s->root, HOST_STORE_FOLDER);
  return false;
}

/* Somebody wrote there since: only what is ours goes. */
static bool take_ours_out(struct host_store *s, unsigned i, const struct host_file *now, FILE *err) {
  const struct host_entry *e = &s->entries[i];
  bool found = false;
  char *text = now->text && now->kind == HOST_FILE ? host_text_without(now->text, &found) : NULL;
  bool all_gone = text && !*text && e->kind == HOST_MISSING;
  struct host_put rest = {.kind = HOST_FILE,
                          .text = text,
                          .len = text ? strlen(text) : 0,
                          .mode = now->mode,
                          .uid = now->uid,
                          .gid = now->gid,
                          .like = e->path};
  bool ours_alone = e->kind == HOST_MISSING && strcmp(e->path, host_paths[HOST_RESOLV_CONF]) != 0;
  bool good = true;
  if (ours_alone || (!text && e->writer == HOST_WRITER_NONE)) good = tell_left(s, i, err);
  else if (found) good = all_gone ? host_put_remove(s->root, e->path, e->made_folder) : put(s, e, &rest);

  if (good && found && e->writer == HOST_WRITER_NONE)
    fprintf(err,
            "jidns host: %s was changed since jidns host enable: jidns took its own lines out, and leaves "
            "the rest "
            "as it is\n",
            e->path);
  else if (good && !found && e->writer == HOST_WRITER_NONE)
    fprintf(
        err,
        "jidns host: %s was changed since jidns host enable, and has nothing of jidns: it stays as it is\n",
        e->path);
  free(text);
  return good;
}

/* Nothing of it was changed: a file's content is not all. */
static bool is_untouched(const struct host_entry *e, const struct host_file *now) {
  return e->kind != HOST_MISSING && now->kind == e->kind && now->mode == e->mode && now->uid == e->uid &&
         now->gid == e->gid && now->written.tv_sec == e->written.tv_sec &&
         now->written.tv_nsec == e->written.tv_nsec;
}

enum undo_way {
  UNDO_NOTHING,  /* it is as it was */
  UNDO_PUT_BACK, /* it is as jidns left it, whole or not */
  UNDO_TAKE_OUT, /* somebody wrote there since */
  UNDO_LOST      /* the old one is gone */
};

static enum undo_way way_back(const struct host_entry *e, const struct host_file *now,
                              const struct host_file *before, const struct host_file *after) {
  bool is_back = is_as(now, e->kind, before);
  if (is_untouched(e, now) && (is_back || !before->text)) return UNDO_NOTHING;
  if (e->kind != HOST_MISSING && !before->text) return UNDO_LOST;
  if (is_back || is_as(now, e->new_kind, after) || now->kind == HOST_MISSING) return UNDO_PUT_BACK;
  if (is_torn(e, now, after) || is_torn(e, now, before)) return UNDO_PUT_BACK;

  /* a link comes back whatever its manager wrote in its place */
  return e->writer == HOST_WRITER_MANAGER && e->kind == HOST_LINK ? UNDO_PUT_BACK : UNDO_TAKE_OUT;
}

static bool undo_one(struct host_store *s, unsigned i, FILE *err) {
  const struct host_entry *e = &s->entries[i];
  struct host_file now, before, after;
  char path[80];
  bool good = true;
  kept_path(i, "before", path);
  host_file_read(s->root, path, &before);
  kept_path(i, "after", path);
  host_file_read(s->root, path, &after);
  host_file_read(s->root, e->path, &now);
  host_put_clean(s->root, e->path);

  switch (way_back(e, &now, &before, &after)) {
  case UNDO_NOTHING: break;
  case UNDO_PUT_BACK: good = put_back(s, i, &before) || complain(err, e->path, strerror(errno)); break;
  case UNDO_TAKE_OUT: good = take_ours_out(s, i, &now, err); break;
  default:
    good = complain(err, e->path, "the old one is not in " HOST_STORE_FOLDER " any more; write it by hand");
  }

  host_file_free(&now);
  host_file_free(&before);
  host_file_free(&after);
  return good;
}

bool host_store_undo(struct host_store *s, FILE *err) {
  bool good = true;
  for (unsigned i = s->count; i-- > 0;) good &= undo_one(s, i, err);
  return good;
}

bool host_store_forget(struct host_store *s, FILE *err) {
  bool good = host_put_remove(s->root, journal_path, false) || complain(err, journal_path, strerror(errno));
  for (unsigned i = 0; i < HOST_CHANGES && good; i++) {
    static const char *const which[] = {"before", "after"};
    for (unsigned k = 0; k < 2; k++) {
      char path[80];
      kept_path(i, which[k], path);
      host_put_remove(s->root, path, false);
      host_put_clean(s->root, path);
    }
  }
  if (good) host_put_clean(s->root, journal_path);
  if (good) s->state = HOST_STORE_NONE;
  return good;
}
