"""Checks libunsynced.so: what was not synced is gone after kill -9, what was is there, and nothing else
changes for the process.

    gcc -shared -fPIC -O2 -o libunsynced.so unsynced.c -ldl -lpthread
    python3 test_unsynced.py ./libunsynced.so
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile

if len(sys.argv) < 2:
    sys.exit("usage: test_unsynced.py LIBRARY")
library = os.path.abspath(sys.argv[1])


def run(root, mode, *arguments, kills=True):
    """Runs one of the children below; it says `ready` when it wants to be killed."""
    environment = dict(os.environ, LD_PRELOAD=library, UNSYNCED_ROOT=root)
    command = [sys.executable, os.path.abspath(__file__), "child", mode, root, *arguments]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    said = child.stdout.readline().strip()
    if kills:
        assert said == "ready", f"{mode} said {said!r}"
        child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert kills or child.returncode == 0, f"{mode} ended with {child.returncode}"


def ready():
    print("ready", flush=True)
    signal.pause()


def child_plain(root):
    fd = os.open(f"{root}/file", os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(fd, b"a" * 10_000, 0)
    os.fdatasync(fd)
    os.pwrite(fd, b"b" * 5_000, 2_500)
    os.ftruncate(fd, 20_000)
    other = os.open(f"{root}/file", os.O_RDONLY)
    assert os.fstat(fd).st_size == os.stat(f"{root}/file").st_size == 20_000
    assert os.pread(other, 30_000, 0) == (
        b"a" * 2_500 + b"b" * 5_000 + b"a" * 2_500 + b"\0" * 10_000
    )
    ready()


def child_truncated(root):
    fd = os.open(f"{root}/file", os.O_RDWR | os.O_TRUNC)
    assert os.fstat(fd).st_size == 0 and os.pread(fd, 10, 0) == b""
    os.write(fd, b"new")
    assert os.lseek(fd, 0, os.SEEK_END) == 3
    ready()


def child_renamed(root):
    fd = os.open(f"{root}/next", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, b"never synced")
    os.close(fd)
    os.rename(f"{root}/next", f"{root}/renamed")
    with open(f"{root}/renamed", "rb") as again:
        assert again.read() == b"never synced"
    ready()


def child_exits(root):
    fd = os.open(f"{root}/left", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, b"one,")
    os.write(fd, b"two")


def child_synchronous(root):
    fd = os.open(f"{root}/direct", os.O_RDWR | os.O_CREAT | os.O_DSYNC, 0o600)
    os.write(fd, b"kept")
    ready()


def child_shadow(root, seed):
    """Random calls against a copy in memory; inode numbers are reused."""
    draw = random.Random(int(seed))
    synced = shadow = b""
    fd = os.open(f"{root}/shadow", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(3_000):
        what = draw.randrange(12)
        at = draw.randrange(40_000)
        if what < 5:
            data = draw.randbytes(draw.randrange(9_000))
            os.pwrite(fd, data, at)
            if data:
                shadow = shadow.ljust(at, b"\0")
                shadow = shadow[:at] + data + shadow[at + len(data):]
        elif what < 7:
            os.ftruncate(fd, at)
            shadow = shadow[:at].ljust(at, b"\0")
        elif what == 7:
            os.fdatasync(fd)
            synced = shadow
        elif what == 8:
            os.close(fd)
            fd = os.open(f"{root}/shadow", os.O_RDWR)
        elif what == 9:
            other = os.open(f"{root}/other", os.O_RDWR | os.O_CREAT, 0o600)
            os.write(other, b"x" * at)
            os.close(other)
            os.unlink(f"{root}/other")
        elif what == 10:
            os.posix_fallocate(fd, 0, at + 1)
            shadow = shadow.ljust(at + 1, b"\0")
        assert os.pread(fd, 60_000, 0) == shadow
        assert os.pread(fd, 777, at) == shadow[at:at + 777]
        assert os.stat(f"{root}/shadow").st_size == len(shadow)
    kept = os.open(f"{os.path.dirname(root)}/expected", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(kept, synced)
    ready()


def child_sqlite(root, synchronous):
    database = connect(root, synchronous)
    for number in range(200):
        database.execute("INSERT INTO t VALUES (?, randomblob(300))", (number,))
        database.commit()
        if number == 100:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert database.execute("SELECT count(*) FROM t").fetchone() == (200,)
    reader = sqlite3.connect(f"{root}/db")
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (200,)
    ready()


def connect(root, synchronous):
    database = sqlite3.connect(f"{root}/db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute("PRAGMA wal_autocheckpoint=0")
    database.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, b BLOB)")
    database.commit()
    return database


def rows(root):
    database = sqlite3.connect(f"{root}/db")
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 't'").fetchone()
        return database.execute("SELECT count(*) FROM t").fetchone()[0] if found[0] else 0
    finally:
        database.close()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    with tempfile.TemporaryDirectory() as top:
        def fresh(name):
            root = f"{top}/{name}"
            os.mkdir(root)
            return root

        root = fresh("plain")
        run(root, "plain")
        assert read(f"{root}/file") == b"a" * 10_000
        run(root, "truncated")
        assert read(f"{root}/file") == b"a" * 10_000
        run(root, "renamed")
        assert read(f"{root}/renamed") == b""
        run(root, "exits", kills=False)
        assert read(f"{root}/left") == b"one,two"
        run(root, "synchronous")
        assert read(f"{root}/direct") == b"kept"
        print("plain files: ok")

        for seed in range(6):
            root = fresh(f"shadow{seed}")
            run(root, "shadow", str(seed))
            assert read(f"{root}/shadow") == read(f"{top}/expected"), f"seed {seed}"
            os.unlink(f"{top}/expected")
        print("random calls against a shadow: ok")

        root = fresh("full")
        run(root, "sqlite", "FULL")
        assert rows(root) == 200
        root = fresh("normal")
        run(root, "sqlite", "NORMAL")
        assert rows(root) == 101, "NORMAL keeps what a checkpoint made durable"
        root = fresh("off")
        run(root, "sqlite", "OFF")
        assert rows(root) == 0, "OFF keeps nothing"
        print("SQLite: FULL keeps, NORMAL keeps to its checkpoint, OFF loses: ok")


if len(sys.argv) > 2 and sys.argv[1] == "child":
    globals()[f"child_{sys.argv[2]}"](*sys.argv[3:])
else:
    main()
