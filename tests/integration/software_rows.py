"""What software.py does inside: scripts of bash whose standard output must be the same in a chroot and in a container.

A script may use what its tree lacks only behind `have`. Amounts are variables of the environment, small ones for each change and
full ones for the whole part. What a script says on standard error (rates, reasons) is printed, not compared.
"""

PRELUDE = r"""
have() { command -v "$1" > /dev/null 2>&1; }
quietly() { "$@" > /tmp/quietly.log 2>&1 || { echo "FAILED: $*: $?"; tail -30 /tmp/quietly.log; }; }
until_true() { for _ in $(seq 600); do eval "$1" > /dev/null 2>&1 && return 0; sleep 0.1; done; echo "in vain: $1"; }
# What is kept of a tree: names, kinds, modes, owners, sizes, times, links, device numbers, attributes, lists.
describe() (
  cd "$1" || exit 1
  find . -printf '%P %y %m %U %G %n %l ' \( -type d -printf '%T@\n' -o -type c -exec stat -c '%t:%T' {} \; -o -printf '%s %T@\n' \) |
    LC_ALL=C sort
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r md5sum
  if have getfattr; then find . -print0 | LC_ALL=C sort -z | xargs -0 -r getfattr -h -d -m '^(user\.|security\.capability)' -e hex --; fi
  if have getfacl; then find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0 -r getfacl -n -p -s --; fi
)
shopt -s nullglob
export LC_ALL=C
umask 022
cd /tmp
"""

# Packages that are made here, with maintainer scripts that make users, alternatives, diversions, triggers and statoverrides.
OWN_PACKAGES = r"""
mkdir -p /tmp/own /srv/own; cd /tmp/own
for i in $(seq $OWN_PACKAGES); do
  p=own$i; mkdir -p $p/DEBIAN $p/usr/bin $p/usr/share/own/$p $p/etc/own $p/var/lib/own
  [ $i = 1 ] && depends= || depends="Depends: own$((i - 1))"
  printf 'Package: %s\nVersion: 1.%s\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n%s\n' $p $i "$depends" |
    grep . > $p/DEBIAN/control
  printf '#!/bin/sh\necho %s\n' $p > $p/usr/bin/$p; chmod 755 $p/usr/bin/$p
  for n in $(seq 20); do echo $p $n > $p/usr/share/own/$p/$n; done
  ln $p/usr/share/own/$p/1 $p/usr/share/own/$p/linked; ln -s $p $p/usr/bin/$p-link
  echo setting=$i > $p/etc/own/$p.conf; echo /etc/own/$p.conf > $p/DEBIAN/conffiles
  cat > $p/DEBIAN/postinst <<S
#!/bin/sh -e
if [ "\$1" = configure ]; then
  getent passwd _$p > /dev/null || useradd --system --home-dir /var/lib/own/$p --create-home --shell /usr/sbin/nologin _$p
  install -d -o _$p -g _$p -m 2750 /var/lib/own/$p
  dpkg-statoverride --list /usr/bin/$p > /dev/null || dpkg-statoverride --update --add _$p _$p 4755 /usr/bin/$p
  update-alternatives --install /usr/bin/own own /usr/bin/$p $i
  dpkg-trigger own-trigger || true
fi
S
  printf '#!/bin/sh\n[ "$1" = purge ] && { dpkg-statoverride --remove /usr/bin/%s; userdel -r _%s; }\nexit 0\n' $p $p > $p/DEBIAN/postrm
  printf '#!/bin/sh -e\n[ "$1" = remove ] && update-alternatives --remove own /usr/bin/%s\nexit 0\n' $p > $p/DEBIAN/prerm
  printf '#!/bin/sh -e\ntest ! -e /usr/bin/%s || test "$1" = upgrade\n' $p > $p/DEBIAN/preinst
  [ $i = 1 ] && echo 'interest-noawait own-trigger' > $p/DEBIAN/triggers
  chmod 755 $p/DEBIAN/*inst $p/DEBIAN/*rm
  quietly dpkg-deb --root-owner-group -Zgzip -b $p /srv/own/$p.deb
  (cd /srv/own && dpkg-deb -f $p.deb && echo "Filename: ./$p.deb" && echo "Size: $(stat -c %s $p.deb)" &&
    echo "SHA256: $(sha256sum < $p.deb | cut -d' ' -f1)" && echo) >> /srv/own/Packages
done
cd /; cp -a /etc/apt /tmp/apt; mkdir -p /etc/apt/sources.list.d; : > /etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/own ./' > /etc/apt/sources.list.d/own.list
quietly apt-get -q update
quietly apt-get install -q -y own$OWN_PACKAGES
own; dpkg --audit; dpkg --verify own$OWN_PACKAGES; readlink -f /usr/bin/own
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' 'own*'; dpkg-statoverride --list | sort
getent passwd | grep ^_own; stat -c '%n %A %U %G %h' /usr/bin/own* /var/lib/own/*
echo changed >> /etc/own/own1.conf; rm /usr/share/own/own2/1; chmod 600 /usr/share/own/own2/2; for i in $(seq $OWN_PACKAGES); do dpkg --verify own$i; done 2>&1
quietly apt-get install -q -y --reinstall -o Dpkg::Options::=--force-confold own2; dpkg --verify own1 own2
quietly apt-get purge -q -y own$OWN_PACKAGES; quietly apt-get autoremove -q -y
quietly apt-get purge -q -y own1; ls /usr/bin/own* /var/lib/own /etc/own 2>&1; getent passwd | grep ^_own
rm -rf /tmp/own /srv/own /etc/apt; mv /tmp/apt /etc/apt
"""

ACCOUNTS = r"""
groupadd wheelers; useradd -m -s /bin/bash -G wheelers,staff alice; useradd -m -u 4321 -s /bin/sh bob; useradd -r daemon1
printf 'alice:first-password\nbob:other-password\n' | chpasswd
getent passwd alice bob; getent group wheelers alice; id alice; id bob; hostname | sed 's/^/127.0.0.1 /' >> /etc/hosts
passwd -S alice | cut -d' ' -f1,2,4-; chage -l bob | tail -3
stat -c '%n %a %U %G' /home/alice /home/alice/.bashrc /etc/passwd /etc/shadow /etc/gshadow /etc/passwd- /etc/shadow-
su alice -c 'id; pwd; umask; echo $HOME $USER; touch /home/alice/f; touch /home/bob/f; cat /etc/shadow; ls /root' 2>&1
su - alice -c 'pwd; echo $0; kill -0 1; stat -c "%U %G" f' 2>&1
su -s /bin/sh nobody -c 'id -un; id -G; su root -c id < /dev/null' 2>&1
have runuser && runuser -u bob -- id; have setpriv && setpriv --reuid bob --regid bob --init-groups id
usermod -aG staff bob; usermod -c 'Robert' -s /bin/bash bob; gpasswd -a bob wheelers; gpasswd -d alice staff; getent passwd bob; id bob
chfn -f 'Alice A' alice; chsh -s /bin/sh alice; getent passwd alice
passwd -l bob; passwd -S bob | cut -d' ' -f2; passwd -u bob; passwd -d bob; passwd -S bob | cut -d' ' -f2
su alice -c 'passwd -S alice' | cut -d' ' -f1,2; su alice -s /bin/bash -c 'newgrp wheelers <<< "id -gn"' 2>&1; su alice -c 'sg wheelers "id -gn"' 2>&1
su alice -c 'crontab -l; chage -l alice | wc -l' 2>&1 | tail -1
pwck -r; grpck -r; echo "checks $?"
if have sudo; then
  printf 'alice ALL=(ALL) NOPASSWD: ALL\nbob ALL=(daemon1) NOPASSWD: /usr/bin/id\n' > /etc/sudoers.d/own; chmod 440 /etc/sudoers.d/own
  visudo -c; su alice -c 'sudo id; sudo -u daemon1 id -un; sudo -g staff id -gn; sudo -i pwd; sudo -E env | grep SUDO_U; echo x | sudo tee /root/x; sudo stat -c %U /root/x' 2>&1
  su bob -c 'sudo -n -u daemon1 id -un; sudo -n id' 2>&1; su alice -c 'sudo sh -c "exit 7"'; echo $?; su alice -c 'sudo -l | tail -2'
  su alice -c 'sudo -b sleep 0.1; sudo kill -9 $$; echo never' 2>&1; echo $?
fi
if have expect; then
  expect -c 'set timeout 30; spawn su alice -s /bin/bash -c "su bob -c {id -un}"; expect eof' | tail -1
  echo 'bob:other-password' | chpasswd
  expect -c 'set timeout 30; log_user 0; spawn su alice -c passwd; expect "Current password: "; send "first-password\r"
    expect "New password: "; send "Second-passw0rd\r"; expect "Retype new password: "; send "Second-passw0rd\r"; expect eof
    puts [lindex [wait] 3]'
  expect -c 'set timeout 30; log_user 0; spawn su bob -c {su alice -c "id -un; tty >/dev/null && echo terminal"}; expect "Password: "
    send "Second-passw0rd\r"; expect eof; puts $expect_out(buffer)' | tr -d '\r' | grep .
  expect -c 'set timeout 30; log_user 0; spawn su bob -c "su alice -c id"; expect "Password: "; send "wrong\r"; expect eof
    puts [lindex [wait] 3]'
  have sudo && expect -c 'set timeout 30; log_user 0; spawn su bob -c "sudo id"; expect "password for"; send "\003"; expect eof; puts [lindex [wait] 3]'
fi
getent shadow | grep -c '^alice:\$y\$\|^alice:\$6\$'
setpriv --reuid alice --regid alice --clear-groups sleep 60 & sleep 0.2; userdel alice 2>&1 | sed 's/process [0-9]*/process/'; echo ${PIPESTATUS[0]}; pkill -u alice
until_true '! pgrep -u alice'; userdel -r alice; echo $?; userdel -r bob; userdel daemon1; groupdel wheelers; ls /home; ls /var/mail
getent passwd alice bob daemon1; rm -f /etc/sudoers.d/own /root/x; ls /etc/*.lock /etc/passwd?* /etc/*+ 2>/dev/null
"""

GIT = r"""
have git || exit 0
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' HOME=/tmp/git
mkdir /tmp/git; cd /tmp/git; git config --global user.name x; git config --global user.email x@y; git config --global init.defaultBranch main
git config --global gc.autoDetach false; git config --global protocol.file.allow always
git init -q --bare origin.git
python3 - $COMMITS > stream <<'P'
import sys
n = int(sys.argv[1])
for i in range(1, n + 1):
    body = "".join(f"line {i} {k * i % 977}\n" for k in range(40)).encode()
    w = sys.stdout.write
    w(f"commit refs/heads/main\ncommitter x <x@y> {1500000000 + i} +0000\ndata 8\nc {i:06}\n")
    w(f"M 100644 inline d{i % 50}/e{i % 7}/f{i % 300}\ndata {len(body)}\n{body.decode()}\n")
P
git --git-dir origin.git fast-import --quiet < stream; git --git-dir origin.git rev-list --count main
git clone -q origin.git hard; git clone -q --no-local origin.git work; git clone -q file:///tmp/git/origin.git shallow --depth 10
du -s --apparent-size hard | awk '{ print ($1 > 1000) }'; (cd shallow; git rev-list --count HEAD; git fetch -q --unshallow; git rev-list --count HEAD)
cd work
for i in $(seq $OWN_COMMITS); do
  echo $i >> d1/own; git add d1/own; git commit -q -m "own $i"
done
git checkout -q -b side HEAD~5; echo side > side; git add side; git commit -q -m side; git checkout -q main; git merge -q -m merged side
git mv d2 moved; git rm -q -r d3; chmod 755 d4/e0/* 2>/dev/null; ln -s d1 link; git add -A; git commit -q -m many; git stash list
echo dirty >> d1/own; git stash -q; git status --short; git stash pop -q; git status --short; git checkout -q -- .
git rebase -q --onto main~3 main~1 main 2>&1 | tail -1; git log --format='%h %s' -3; git push -q origin main:other; git tag -a v1 -m v1; git push -q --tags
git worktree add -q ../tree side; git -C ../tree status --short; git blame d1/own | tail -1 | cut -c1-8; git grep -c 'line 7 ' | md5sum
git bundle create -q ../b main; git bundle verify -q ../b; git archive main | tar t | md5sum; git diff --stat HEAD~4 | tail -1
git count-objects -v | grep -v size; git repack -q -a -d; git gc -q --aggressive --prune=now; git count-objects -v | grep -v size
git fsck --full --strict; echo fsck $?; git rev-parse HEAD; cd ..; git --git-dir origin.git gc -q; git --git-dir origin.git fsck; git --git-dir origin.git rev-parse main other
git clone -q origin.git again; cd again; git fsck; git checkout -q other; find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 md5sum | md5sum
cd /; rm -rf /tmp/git
"""

DATABASE = r"""
have initdb || [ -d /usr/lib/postgresql ] || exit 0
install -d -o postgres -g postgres /tmp/pg
runuser -u postgres -- bash -c '
cd /tmp/pg
export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin) PGDATA=/tmp/pg/data LC_ALL=C PGHOST=/tmp/pg
initdb --auth=trust > initdb.log 2>&1 || tail -20 initdb.log
printf "unix_socket_directories = '"'/tmp/pg'"'\nlisten_addresses = '"''"'\n" >> $PGDATA/postgresql.conf
pg_ctl -w -t 120 -l log start > /dev/null || tail log
createdb bench
pgbench -q -i -s $SCALE bench > /dev/null 2>&1; echo initialised $?
pgbench -n -c 4 -j 2 -T $SECONDS_OF_LOAD bench > pgbench.log 2>&1; echo ran $?
grep tps pgbench.log >&2
grep -c "could not open shared memory\|FATAL" log
psql -qAt bench -c "create table kept (n int)"
(pgbench -n -c 4 -T 15 bench > /dev/null 2>&1; true) &
(for i in $(seq 100000); do psql -qAt bench -c "insert into kept values ($i)" 2>/dev/null && echo $i || break; done > acknowledged) &
sleep 3
kill -9 $(head -1 $PGDATA/postmaster.pid)
wait
for i in $(seq 300); do pgrep -x postgres > /dev/null || break; sleep 0.2; done
pg_ctl -w -t 120 -l log start > /dev/null || tail log
grep -c "database system was not properly shut down; automatic recovery in progress" log
psql -At bench -c "select count(*) from pgbench_accounts"
psql -At bench -c "select (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers),
  (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches),
  (select sum(abalance) from pgbench_accounts) = (select coalesce(sum(delta), 0) from pgbench_history)"
psql -At bench -c "select max(n) >= $(tail -1 acknowledged) and count(*) = max(n) from kept"
psql -qAt bench -c "set max_parallel_workers_per_gather = 2" -c "set parallel_setup_cost = 0" -c "set min_parallel_table_scan_size = 0" \
  -c "select count(*), sum(aid) from pgbench_accounts where bid > 0"
psql -qAt bench -c "create table t as select generate_series(1, 100000) as a" -c "create index on t (a)" -c "vacuum full analyze t" \
  -c "select count(*) from t" -c "notify x" -c "copy t to '"'/tmp/pg/out'"'"; wc -l < out
pg_dump bench | grep -c "^COPY"; pg_basebackup -D base 2>&1; du -s base | awk "{ print (\$1 > 10000) }"; pg_amcheck bench 2>&1 | tail -1
pg_ctl -m fast stop > /dev/null; echo stopped $?; pg_controldata | grep state; pg_checksums --check 2>&1 | tail -1
'
rm -rf /tmp/pg
"""

REDIS = r"""
have redis-server || exit 0
mkdir /tmp/redis; cd /tmp/redis; S=/tmp/redis/s; c() { redis-cli -s $S "$@"; }
start() { redis-server --port 0 --unixsocket $S --dir /tmp/redis --appendonly yes --appendfsync $1 --daemonize yes --pidfile /tmp/redis/pid \
  --logfile /tmp/redis/log --save '' > /dev/null; until_true "[ \$(redis-cli -s $S ping) = PONG ]"; }
start everysec
redis-benchmark -s $S -q -n $REQUESTS -c 50 -t set,get,incr,lpush,lrange_100,mset > bench.log 2>&1; echo $?; tr '\r' '\n' < bench.log | grep 'per second' >&2
redis-benchmark -s $S -q -n $REQUESTS -c 20 -P 16 -t set,get > bench.log 2>&1; echo $?; tr '\r' '\n' < bench.log | grep 'per second' >&2
c flushall; for i in $(seq 1000); do echo "set key$i value$i"; done | c --pipe | tail -1
c bgrewriteaof; until_true '[ $(redis-cli -s '$S' info persistence | grep -c "aof_rewrite_in_progress:0") = 1 ]'; c bgsave
until_true '[ $(redis-cli -s '$S' info persistence | grep -c "rdb_bgsave_in_progress:0") = 1 ]'; c dbsize; c save
redis-check-aof appendonlydir/*.incr.aof 2>&1 | tail -1; redis-check-rdb dump.rdb | grep -c 'OK'
c config set appendfsync always
(for i in $(seq 100000); do echo "set own$i $i"; done | c > answers 2>/dev/null) & sleep 1; kill -9 $(cat pid); wait
start always; until_true '[ $(redis-cli -s '$S' ping) = PONG ]'
acknowledged=$(grep -c OK answers); kept=$(c --scan --pattern 'own*' | wc -l); [ $kept -ge $acknowledged ] && echo kept; c get key77
c eval "return redis.call('get', 'key5')" 0; (c subscribe news > heard & until_true '[ $(redis-cli -s '$S' pubsub numsub news | tail -1) = 1 ]'; c publish news x; sleep 0.3; kill $!); cat heard
c shutdown nosave; until_true '! pgrep redis-server'; tail -1 log | sed 's/.*# //'
rm -rf /tmp/redis
"""

NGINX = r"""
have nginx || exit 0
mkdir -p /tmp/www /run /var/log/nginx; cd /tmp/www; head -c 1000 /dev/zero | tr '\0' s > small; seq 200000 > large; mkdir dir; echo index > dir/index.html; chmod 000 dir/../small; chmod 644 small
cat > /tmp/nginx.conf <<C
worker_processes 2; pid /tmp/nginx.pid; error_log /tmp/error.log;
events { worker_connections 512; }
http { access_log /tmp/access.log; sendfile on; client_body_temp_path /tmp/b; open_file_cache max=100; include /etc/nginx/mime.types;
  server { listen 127.0.0.1:18181; listen unix:/tmp/nginx.sock; root /tmp/www; autoindex on; gzip on;
    location /secret { deny all; } location /up { client_max_body_size 9m; proxy_pass http://unix:/tmp/nginx.sock:/small; } } }
C
nginx -t -c /tmp/nginx.conf 2>&1; nginx -c /tmp/nginx.conf; until_true 'curl -s -o /dev/null http://127.0.0.1:18181/small'
u=http://127.0.0.1:18181; curl -s $u/large | md5sum; curl -s -r 100-199 $u/large | md5sum; curl -s --unix-socket /tmp/nginx.sock http://x/small | wc -c
for p in secret none dir dir/ up; do curl -s -o /dev/null -w "$p %{http_code} %{content_type}\n" $u/$p; done; curl -s --compressed $u/large | md5sum
head -c 5000000 /dev/zero | curl -s -o /dev/null -w '%{http_code}\n' --data-binary @- $u/up; curl -s $u/up | wc -c
ab -q -n $REQUESTS -c 50 $u/small > ab.log 2>&1; grep 'Complete\|Failed' ab.log; grep 'per second' ab.log >&2
ab -q -k -n $REQUESTS -c 50 $u/small > ab.log 2>&1; grep 'Complete\|Failed' ab.log; grep 'per second' ab.log >&2
ab -q -k -n $((REQUESTS / 20)) -c 10 $u/large > ab.log 2>&1; grep 'Complete\|Failed' ab.log; grep 'per second' ab.log >&2
(ab -q -n $REQUESTS -c 20 $u/small > ab2.log 2>&1) & b=$!; for i in 1 2 3 4 5; do nginx -c /tmp/nginx.conf -s reload; sleep 0.2; done; wait $b; grep 'Complete\|Failed' ab2.log
mv /tmp/access.log /tmp/access.1; nginx -c /tmp/nginx.conf -s reopen; until_true '[ -e /tmp/access.log ]'; curl -s -o /dev/null $u/small; until_true '[ -s /tmp/access.log ]'
stat -c '%U' /tmp/access.log; ps -eo user:20,args | grep '[n]ginx: ' | sort | uniq -c | sed 's/is shutting down//' | awk '{ print $2, $3, $4 }' | sort -u
nginx -c /tmp/nginx.conf -s quit; until_true '! pgrep nginx'; ls /tmp/nginx.pid /tmp/nginx.sock 2>&1; grep -c 'alert\|emerg' /tmp/error.log
rm -rf /tmp/www /tmp/nginx.conf /tmp/access* /tmp/error.log /tmp/b
"""

SQLITE = r"""
mkdir /tmp/sqlite; cd /tmp/sqlite
cat > load.py <<'P'
import os, sqlite3, sys, time
path, mode, count, writers = sys.argv[1], sys.argv[2], int(sys.argv[3]), 4
db = sqlite3.connect(path, timeout=300); db.execute(f"pragma journal_mode={mode}")
db.execute("create table t (who int, n int, text text)"); db.execute("create index i on t (who, n)"); db.commit(); db.close()
def work(who):
    db = sqlite3.connect(path, timeout=300, isolation_level=None)
    for n in range(count):
        db.execute("begin immediate"); db.execute("insert into t values (?, ?, ?)", (who, n, str(n) * 50))
        if n % 10 == 9: db.execute("update t set text = 'x' where who = ? and n = ?", (who, n - 5))
        db.execute("commit")
        if n % 20 == 0: db.execute("select count(*) from t").fetchone()
    os._exit(0)
children = []
for who in range(writers):
    pid = os.fork()
    if pid == 0: work(who)
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children])
db = sqlite3.connect(path, timeout=60)
print(db.execute("select count(*), sum(n), count(distinct who) from t").fetchone(), db.execute("pragma integrity_check").fetchone())
db.close(); print(sorted(os.listdir(os.path.dirname(path) or ".")))
P
for mode in wal delete truncate persist; do python3 load.py /tmp/sqlite/$mode.db $mode $ROWS; done
cat > crash.py <<'P'
import sqlite3, sys
db = sqlite3.connect("crash.db", isolation_level=None); db.execute(f"pragma journal_mode={sys.argv[1]}"); db.execute("pragma synchronous=full")
db.execute("create table if not exists t (n int)")
while True:
    n = (db.execute("select max(n) from t").fetchone()[0] or 0) + 1
    db.execute("insert into t values (?)", (n,)); print(n, flush=True)
P
for mode in wal delete; do
  for i in 1 2 3; do rm -f said; python3 crash.py $mode > said & until_true '[ -s said ]'; sleep 0.7; kill -9 $!; wait $! 2>/dev/null
    sqlite3 crash.db "pragma integrity_check; select max(n) >= $(tail -1 said), max(n) <= $(tail -1 said) + 1, count(*) = max(n) from t"; done
  rm crash.db*
done
sqlite3 big.db "pragma mmap_size=100000000; create table t(a integer primary key, b); with recursive c(x) as (select 1 union all select x+1 from c where x < 20000)
 insert into t select x, hex(x) from c; select count(*), sum(length(b)) from t; vacuum; pragma integrity_check;" ; sqlite3 big.db .dump | md5sum
(echo 'begin exclusive;'; sleep 1; echo 'commit;') | sqlite3 big.db & sleep 0.4; sqlite3 big.db 'select 1 from t limit 1' 2>&1; wait
cd /; rm -rf /tmp/sqlite
"""

BUILD = r"""
mkdir /tmp/build; cd /tmp/build
python3 - $FILES <<'P'
import pathlib, sys
n = int(sys.argv[1]); pathlib.Path("src").mkdir()
for i in range(n):
    pathlib.Path(f"src/f{i}.h").write_text(f"#pragma once\nint f{i}(int);\n")
    pathlib.Path(f"src/f{i}.c").write_text(f'#include "f{i}.h"\n#include "f{(i + 1) % n}.h"\n#include <stdio.h>\nint f{i}(int x) {{ return x > {n} ? x : f{(i + 1) % n}(x + 1); }}\n')
pathlib.Path("src/main.c").write_text('#include "f0.h"\n#include <stdio.h>\nint main(void) { printf("%d\\n", f0(0)); return 0; }\n')
names = " ".join(f"src/f{i}.c" for i in range(n))
pathlib.Path("CMakeLists.txt").write_text(f'''cmake_minimum_required(VERSION 3.16)
project(many C CXX)
find_package(Threads REQUIRED)
add_library(many SHARED {names})
add_library(fixed STATIC {names})
add_executable(run src/main.c)
target_link_libraries(run many)
add_executable(run2 src/main.c)
target_link_libraries(run2 fixed Threads::Threads)
enable_testing()
add_test(NAME run COMMAND run)
add_test(NAME run2 COMMAND run2)
install(TARGETS run run2 many)
''')
objects = " ".join(f"o/f{i}.o" for i in range(n))
pathlib.Path("Makefile").write_text(f"run: {objects} o/main.o\n\tgcc -o $@ $^\no/%.o: src/%.c | o\n\tgcc -O1 -MMD -c -o $@ $<\no:\n\tmkdir o\n-include o/*.d\n")
P
if have cmake; then
  quietly cmake -S . -B b -G Ninja -DCMAKE_BUILD_TYPE=Release; ninja -C b -j2 | tail -1; ./b/run; ./b/run2; ninja -C b | tail -1
  sleep 0.01; echo '/* */' >> src/f7.h; ninja -C b -j2 -n | tail -1 | sed 's/].*/]/'; ninja -C b -j2 | tail -1 | sed 's/].*/]/'; ninja -C b | tail -1
  (cd b; ctest 2>&1 | grep 'tests passed'); DESTDIR=/tmp/build/i ninja -C b install > /dev/null; (cd i; find . -type f | sort); LD_LIBRARY_PATH=i/usr/local/lib i/usr/local/bin/run
  ninja -C b -t deps | grep -c '#deps'; nm b/libfixed.a | grep -c ' T '; ninja -C b -t clean; cmake -S . -B m > /dev/null; make -C m -j2 > make.log 2>&1; echo $?; grep -c Building make.log; ./m/run
fi
make -j2 > make.log; ./run; make; touch src/f3.h; make -n | grep -c gcc; make -j2 > make.log; ./run; md5sum < run
gcc -O2 -g -flto -o lto src/f*.c src/main.c && ./lto; printf 'int main(){int x[4]={1};return x[0]-1;}' | gcc -x c - -o t -fsanitize=undefined && ./t; echo $?
cd /; rm -rf /tmp/build
"""

NPM = r"""
have npm || exit 0
mkdir -p /tmp/npm/src /tmp/npm/archives /tmp/npm/app; cd /tmp/npm; export HOME=/tmp/npm npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false npm_config_offline=true
python3 - $MODULES <<'P'
import base64, gzip, hashlib, io, json, pathlib, sys, tarfile
count, lock, dependencies = int(sys.argv[1]), {}, {}
for i in range(count):
    name = f"@own/m{i}" if i % 3 == 0 else f"own-m{i}"
    needs = {} if i == 0 else {(f"@own/m{i - 1}" if (i - 1) % 3 == 0 else f"own-m{i - 1}"): "1.0.0"}
    meta = {"name": name, "version": "1.0.0", "main": "lib/index.js", "dependencies": needs}
    if i % 5 == 0: meta["bin"] = {f"own{i}": "bin.js"}
    if i % 7 == 0: meta["scripts"] = {"install": "node lib/index.js > installed"}
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="w", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        def add(path, text, mode=0o644):
            entry = tarfile.TarInfo("package/" + path); entry.size = len(text); entry.mode = mode; tar.addfile(entry, io.BytesIO(text.encode()))
        add("package.json", json.dumps(meta)); add("lib/index.js", f"module.exports = {i}; console.log({i})\n"); add("bin.js", "#!/usr/bin/env node\nconsole.log(__filename)\n", 0o755)
        for n in range(30): add(f"lib/deep/{n % 5}/file{n}.js", f"// {n}\n" * 20)
    path = f"archives/m{i}.tgz"; pathlib.Path(path).write_bytes(data.getvalue())
    dependencies[name] = f"file:../{path}"
    lock[f"node_modules/{name}"] = {"version": "1.0.0", "resolved": f"file:../{path}", "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data.getvalue()).digest()).decode(),
        **({"dependencies": needs} if needs else {}), **({"bin": meta["bin"]} if "bin" in meta else {}), **({"hasInstallScript": True} if "scripts" in meta else {})}
app = {"name": "app", "version": "1.0.0", "dependencies": dependencies}
pathlib.Path("app/package.json").write_text(json.dumps({**app, "scripts": {"test": "node -e 'console.log(require(\"@own/m0\"))'"}}))
pathlib.Path("app/package-lock.json").write_text(json.dumps({"name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": {"": app, **lock}}))
P
cd app; for i in 1 2; do quietly npm ci; find node_modules | sort | md5sum; find node_modules -type f -print0 | sort -z | xargs -0 md5sum | md5sum; done
npm test 2>&1 | tail -2; npm ls 2>&1 | wc -l; npx own0; find node_modules -name installed | wc -l; rm -rf node_modules; quietly npm install; find node_modules | wc -l; npm pack --silent; quietly npm install -g ../archives/m0.tgz --prefix /tmp/npm/global --ignore-scripts
ls /tmp/npm/global/bin; npm cache verify | grep -c verified; cd /; rm -rf /tmp/npm
"""

PIP = r"""
python3 -m pip --version > /dev/null 2>&1 || exit 0
mkdir -p /tmp/pip/archives; cd /tmp/pip; export HOME=/tmp/pip PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PIP_FIND_LINKS=/tmp/pip/archives PIP_BREAK_SYSTEM_PACKAGES=1
python3 - $MODULES <<'P'
import base64, hashlib, io, sys, tarfile, zipfile
count = int(sys.argv[1])
for i in range(count):
    name = f"own_m{i}"; requires = f"Requires-Dist: own-m{i - 1}==1.0\n" if i else ""
    files = {f"{name}/__init__.py": f"value = {i}\n", **{f"{name}/sub{n}.py": f"x = {n}\n" * 30 for n in range(10)},
             f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: own-m{i}\nVersion: 1.0\n{requires}", f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
             f"{name}-1.0.dist-info/entry_points.txt": f"[console_scripts]\nown-m{i} = {name}.__main__:main\n", f"{name}/__main__.py": f"def main(): print({i})\n"}
    record = "".join(f"{p},sha256={base64.urlsafe_b64encode(hashlib.sha256(t.encode()).digest()).rstrip(b'=').decode()},{len(t)}\n" for p, t in files.items())
    with zipfile.ZipFile(f"archives/{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{name}-1.0.dist-info/RECORD": record + f"{name}-1.0.dist-info/RECORD,,\n"}.items(): wheel.writestr(path, text)
with tarfile.open("archives/own_source-1.0.tar.gz", "w:gz") as tar:
    for path, text in {"setup.py": "from setuptools import setup, Extension\nsetup(name='own-source', version='1.0', py_modules=['own_source'], scripts=['tool'])\n", "own_source.py": "value = 1\n", "tool": "#!python\nprint('tool')\n", "PKG-INFO": "Metadata-Version: 1.0\nName: own-source\nVersion: 1.0\n"}.items():
        entry = tarfile.TarInfo("own_source-1.0/" + path); entry.size = len(text); tar.addfile(entry, io.BytesIO(text.encode()))
P
last=$((MODULES - 1))
python3 -m pip install -q own-m$last 2>&1 | grep -v WARNING; own-m$last; python3 -m pip list 2>/dev/null | grep -c own; python3 -m pip check; python3 -m pip show -f own-m0 | tail -n +11 | sort
python3 -m venv v; v/bin/pip install -q own-m$last; v/bin/own-m$last; v/bin/python -c 'import own_m0, sys; print(own_m0.__file__, sys.prefix)'; find v -name '*.py' | sort | md5sum
python3 -m pip install -q --no-build-isolation own-source 2>&1 | grep -v WARNING; tool; python3 -m pip install -q --user --force-reinstall own-m0 2>&1 | grep -v WARNING; ls /tmp/pip/.local/bin
python3 -m pip uninstall -q -y own-source $(seq -f own-m%.0f 0 $last) 2>&1 | grep -v WARNING; python3 -m pip list 2>/dev/null | grep -c own; cd /; rm -rf /tmp/pip
"""

COPIES = r"""
mkdir /tmp/copies; cd /tmp/copies; mkdir a; cd a
mkdir -p d/e/f sticky secret setgid; chmod 1777 sticky; chmod 700 secret; chmod 2775 setgid; echo one > one; ln one d/two; ln one secret/three; ln -s one link; ln -s /nowhere dangling; ln -s ../.. d/up
mkfifo fifo; mknod null c 1 3; mknod disk b 7 200; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'; chmod 4755 one; cp /bin/true setuid; chmod 4711 setuid; cp /bin/true group; chmod 2755 group
ln -s x owned; chown -h 5:6 owned; chown 1000:1001 d/e secret/three; chown 7:8 null fifo socket; chown 100000:200000 sticky; chmod 640 null
truncate -s 50M sparse; echo end >> sparse; seq 7 3 300000 > random; cp random changed; : > empty; seq $LINES_OF_TEXT > text
n=$(printf 'x%.0s' $(seq 255)); echo long > $n; echo odd > $'new\nline'; echo odd > 'sp ace'; echo odd > $'\xff\xfe'; echo odd > -dash; echo odd > 'ü'; mkdir -p $(printf 'deep/%.0s' $(seq 100)); echo deep > $(printf 'deep/%.0s' $(seq 100))bottom
for i in $(seq $MANY); do echo $i; done | (cd d/e/f; xargs touch)
if have setfattr; then setfattr -n user.one -v 1 one; setfattr -n user.long -v "$(head -c 2000 /dev/zero | tr '\0' y)" d; setfattr -n user.empty text; fi
have setcap && setcap cap_net_raw,cap_net_bind_service+ep group && getcap group
have setfacl && { setfacl -m u:5:rwx,g:77:r--,m::r-x text; setfacl -d -m u:9:rwx d; setfacl -m u:1000:--x secret; mkdir d/inherits; touch d/inherits/file; }
find . -exec touch -h -d '2001-02-03 04:05:06.123456789' {} +; touch -d '1950-01-01' text; touch -d '2300-01-01' empty; cd ..
describe a > a.txt; md5sum < a.txt; grep -v 'd/e/f/\|random\|changed' a.txt | head -$DETAILS
same() { describe $1 > b.txt; cmp -s a.txt b.txt && echo "$2: the same" || { echo "$2: differs"; diff a.txt b.txt | head -20; }; rm -rf $1; }
cp -a a b; same b cp; cp -a --sparse=always --reflink=never a b; [ $(stat -c %b b/sparse) -lt 1000 ]; echo sparse $?; same b sparse; cp -al a b; stat -c %h b/empty; rm -rf b
mkdir b; tar --xattrs --xattrs-include='*' --acls -cf x.tar -C a . 2>/dev/null; tar --xattrs --xattrs-include='*' --acls --numeric-owner -xpf x.tar -C b; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("b/socket")'
chown 7:8 b/socket; chmod --reference a/socket b/socket; touch -r a/socket b/socket; touch -h -r a b; same b tar; tar -df x.tar -C a; tar tvf x.tar --numeric-owner | sed 's/ \.\/socket.*//' | md5sum
mkdir b; tar -C a -cSf - . 2>/dev/null | tar -C b -xpSf - --numeric-owner; cmp a/sparse b/sparse; stat -c '%a %u %g' b/one b/secret b/sticky b/null; rm -rf b x.tar
if have rsync; then rsync -aHAX a/ b; rsync -aHAXin a/ b; same b rsync; rsync -aHAXS --numeric-ids a/ b; rsync -aHAX --checksum --delete a/ b; echo x >> b/text; rm b/one; touch b/extra; rsync -aHAXi --delete a/ b | sort; same b 'rsync twice'
  rsync -aHAX --fake-super a/ f 2>&1 | head -3; rsync -a --link-dest=/tmp/copies/a --numeric-ids a/ l; stat -c %h l/empty; rm -rf f l; fi
if have cpio; then mkdir b; (cd a; find . -depth -print0 | cpio -0 -pdm --quiet ../b); (cd b; find . -printf '%P %y %m %U %G %n %s\n' | sort | md5sum); rm -rf b; mkdir b
  for f in newc crc tar ustar; do (cd a; find . ! -name 'x*' ! -name socket ! -path '*deep*' -print0 | cpio -0 -o -H $f --quiet 2>/dev/null) > x; (cd b; cpio -idm --quiet < ../x; find . -type f -printf '%P %y %m %U %G %s\n' | sort | md5sum); rm -rf b; mkdir b; done; rm -rf b x; fi
if have zip; then (cd a; zip -qry ../x.zip text one link d/inherits; cd ..; python3 -m zipfile -t x.zip); rm x.zip; fi
mv a c; same c mv; cd /; rm -rf /tmp/copies
"""

TMPFILES = r"""
have systemd-tmpfiles || exit 0
mkdir /tmp/tf; cat > /tmp/tf.conf <<'C'
d /tmp/tf/dir 0750 postgres postgres - -
D /tmp/tf/emptied 0700 root root - -
f /tmp/tf/dir/file 0640 postgres root - some content\n
F /tmp/tf/truncated 0644 root root - new
w /tmp/tf/truncated - - - - written
w+ /tmp/tf/truncated - - - - appended
L /tmp/tf/link - - - - dir/file
L+ /tmp/tf/forced - - - - target
p /tmp/tf/fifo 0600 www-data www-data
c /tmp/tf/null 0666 root root - 1:3
b /tmp/tf/loop 0660 root disk - 7:9
C /tmp/tf/copied 0755 - - - /etc/skel
t /tmp/tf/dir - - - - user.own="value"
T /tmp/tf/copied - - - - user.deep=x
a+ /tmp/tf/dir - - - - u:nobody:rwx,d:u:nobody:r-x
z /tmp/tf/dir/file 0600 root root
Z /tmp/tf/copied ~0644 daemon daemon
m /tmp/tf/emptied 0711
x /tmp/tf/aged/keep
d /tmp/tf/aged 0777 root root 1d
h /tmp/tf/dir - - - - +i
q /tmp/tf/sub 0700
e /tmp/tf/nothing* 0700 - - 1d
r /tmp/tf/remove
R /tmp/tf/tree
C
mkdir -p /tmp/tf/emptied /tmp/tf/aged/deep /tmp/tf/tree/a/b; touch /tmp/tf/forced /tmp/tf/remove /tmp/tf/tree/a/b/c /tmp/tf/emptied/x; touch -d '3 days ago' /tmp/tf/aged/old /tmp/tf/aged/keep /tmp/tf/aged/deep/old; touch /tmp/tf/aged/new
sed -i '/^h /d' /tmp/tf.conf; have setfacl || sed -i '/^a/d' /tmp/tf.conf
systemd-tmpfiles --create --remove /tmp/tf.conf 2>&1; echo $?; d() { describe /tmp/tf | sed 's/ [0-9]*\.[0-9]*$//'; }; d; systemd-tmpfiles --clean /tmp/tf.conf 2>&1; echo $?; d | md5sum; ls /tmp/tf/aged; systemd-tmpfiles --create /tmp/tf.conf; d | md5sum
chattr -i /tmp/tf/dir 2>/dev/null; systemd-tmpfiles --create --prefix=/run --prefix=/var /usr/lib/tmpfiles.d/*.conf 2>&1; echo $?; find /run /var/tmp -printf '%p %y %m %U %G\n' | sort; rm -rf /tmp/tf /tmp/tf.conf
"""

INOTIFY = r"""
have inotifywait || exit 0
mkdir -p /tmp/in/a/b; cd /tmp/in; inotifywait -q -m -r --format '%w %e %f' /tmp/in/a > events 2>err & p=$!; until_true '[ $(grep -c ^inotify /proc/'$p'/fdinfo/3) = 2 ]'
cd a; echo x > f; echo y >> f; cat f > /dev/null; chmod 600 f; chown 5 f; touch -d yesterday f; ln f g; mv f h; mv h b/h; mv b/h ../out; mv ../out b/in; ln -s g l; rm g l; truncate -s 100 b/in; mkdir c; sleep 0.3; echo z > c/z; rm -r c
mkfifo b/p; setfattr -n user.x -v 1 b/in 2>/dev/null; echo q > r; echo s > t; mv r t; python3 -c 'import mmap; f = open("t", "r+"); m = mmap.mmap(f.fileno(), 2); m[0] = 65; m.close()'; cp -a b d; sleep 0.3; rm -r d; ls > /dev/null; mv b ../b2; sleep 0.3; rm -rf ../b2
sleep 0.5; kill $p; wait $p 2>/dev/null; cat /tmp/in/events
cd /tmp/in; mkdir w; (cd w; mkdir $(seq $WATCHES)); inotifywait -q -m -r -e create --format '%w%f' w > many & p=$!; until_true '[ $(grep -c ^inotify /proc/'$p'/fdinfo/3) = '$((WATCHES + 1))' ]'; for i in $(seq $WATCHES); do : > w/$i/f; done
until_true "[ \$(wc -l < many) = $WATCHES ]"; sort many | md5sum; kill $p; wait 2>/dev/null; (sleep 0.3; touch w/1/f2) & inotifywait -q -t 10 w/1; echo $?; inotifywait -q -t 1 w/2; echo $?; inotifywait -q w/none; echo $?
cd /; rm -rf /tmp/in
"""

ROOT_COPY = r"""
copy=/copy; mkdir $copy
for d in /*; do case $d in /proc|/sys|/dev|/tmp|$copy) mkdir $copy$d;; *) [ $WHOLE = 1 ] || [[ $d == /etc || $d == /bin || $d == /usr || $d == /lib* ]] || continue
  if [ $WHOLE = 0 ] && [ $d = /usr ]; then mkdir -p $copy/usr; cp -a /usr/bin /usr/sbin $copy/usr; mkdir -p $copy/usr/lib; cp -a /usr/lib64 $copy/usr; mkdir $copy/usr/lib/x86_64-linux-gnu; cp -a /usr/lib/x86_64-linux-gnu/l*.so* $copy/usr/lib/x86_64-linux-gnu
  else cp -a $d $copy$d; fi;; esac; done; chmod 1777 $copy/tmp
list() { (cd $1; find . \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./copy -o -path ./run \) -prune -o -printf '%P %y %m %U %G %l ' -type f -printf '%s %T@ %n' -o -printf '\n' | sort); }
if [ $WHOLE = 1 ]; then list / | grep -v '^ d' > /tmp/first; list $copy | grep -v '^ d' > /tmp/second; cmp /tmp/first /tmp/second && echo the same; diff /tmp/first /tmp/second | head -10; wc -l < /tmp/first
  diff -r --no-dereference /usr $copy/usr && diff -r --no-dereference /etc $copy/etc && echo the same; fi
chroot $copy /bin/sh -c 'id; ls -d /* | wc -l; cat /etc/hostname | wc -l'; chroot $copy /usr/bin/env python3 --version 2>/dev/null | cut -c1-6; [ $WHOLE = 1 ] && chroot $copy dpkg --verify; cp -a $copy/etc /copy2; mv /copy2 $copy/etc2; diff -r --no-dereference $copy/etc $copy/etc2 && echo the same
rm -rf $copy; ls /copy 2>&1; rm -f /tmp/first /tmp/second
"""

# With maintainer scripts that make users, run triggers, write alternatives and caches.
PACKAGES = """adduser apt-utils bc bind9-host bsdextrautils bzip2 cpio cron curl debconf-utils dialog dnsutils ed file
fonts-dejavu-core gettext-base git gnupg groff-base iputils-ping jq less lsb-release lsof man-db mc mime-support nano
netcat-openbsd nginx-light openssl patch perl psmisc python3-pip redis-server rsync screen sqlite3 ssl-cert strace sudo
tcpdump time tmux tree unzip vim-tiny wget whois xz-utils zip zsh""".split()

# On the host's network, litebox keeps NETLINK_SOCK_DIAG back, which would list the AF_UNIX sockets of the host: ss(8), which nginx's
# script calls, says so and reads /proc/net/tcp instead.
INSTALL = rf"""
: > /etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list.d/local.list
export DEBIAN_FRONTEND=noninteractive
apt-get update > /tmp/update.log 2>&1 || cat /tmp/update.log
apt-get install -y --no-install-recommends {' '.join(PACKAGES)} > /tmp/install.log 2>&1 || tail -40 /tmp/install.log
grep -i 'warn\|error\|cannot\|fail\|denied' /tmp/install.log | grep -v 'invoke-rc.d\|policy-rc.d\|delaying package configuration\|liberror\|Cannot open netlink socket' | sort
dpkg --audit; dpkg --verify 2>&1 | grep -v '/usr/share/\(man\|doc\|locale\|info\)' | sort
dpkg-query --show --showformat '${{Package}} ${{Version}} ${{db:Status-Status}}\n' | sort
getent passwd | sort; getent group | cut -d: -f1,3 | sort
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /srv \) -prune -o -printf '%p %y %m %U %G %l\n' |
  grep -v '^/var/\(cache\|log\)\|^/etc/ssl\|__pycache__\|\.pyc' | sort | md5sum
apt-get remove -y --purge zsh nginx-light redis-server tmux > /tmp/remove.log 2>&1; echo $?; apt-get autoremove -y --purge > /tmp/remove.log 2>&1; echo $?; dpkg --audit
dpkg-query --show --showformat '${{Package}} ${{db:Status-Status}}\n' | sort | md5sum; dpkg-reconfigure -f noninteractive debconf; apt-get -s upgrade | tail -1; apt-mark showmanual | wc -l
"""


class Row:
    """A script, the trees of make-rootfs for a change and for the whole part (None: not done), and its amounts in both."""

    def __init__(self, script, small_tree="debian", full_tree="software", **amounts):
        self.script = PRELUDE + script
        self.trees = (small_tree, full_tree)
        self.amounts = amounts

    def environment(self, full):
        return {name: str(amount[1 if full else 0]) for name, amount in self.amounts.items()}


ROWS = {
    "accounts": Row(ACCOUNTS),
    "own packages": Row(OWN_PACKAGES, OWN_PACKAGES=(3, 20)),
    "sqlite": Row(SQLITE, small_tree=None, ROWS=(20, 500)),
    "build": Row(BUILD, small_tree=None, FILES=(12, 200)),
    "copies": Row(COPIES, LINES_OF_TEXT=(1000, 100_000), MANY=(50, 5000), DETAILS=(120, 120)),
    "copy of /": Row(ROOT_COPY, WHOLE=(0, 1)),
    "git": Row(GIT, small_tree=None, COMMITS=(100, 5000), OWN_COMMITS=(10, 200)),
    "database": Row(DATABASE, small_tree=None, SCALE=(1, 2), SECONDS_OF_LOAD=(3, 10)),
    "redis": Row(REDIS, small_tree=None, REQUESTS=(2000, 50_000)),
    "nginx": Row(NGINX, small_tree=None, REQUESTS=(2000, 20_000)),
    "npm": Row(NPM, small_tree=None, MODULES=(10, 60)),
    "pip": Row(PIP, small_tree=None, MODULES=(5, 30)),
    "tmpfiles": Row(TMPFILES, small_tree=None),
    "inotify": Row(INOTIFY, small_tree=None, WATCHES=(20, 500)),
    "packages": Row(INSTALL, small_tree=None, full_tree="debian"),
}
