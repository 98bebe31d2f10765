"""Runs a program in a terminal of its own, presses a key when a text was shown, and says what came of it.

usage: terminal.py KEY TEXT PROGRAM ARGUMENT...     KEY is one character; ^C for an interrupt
Prints one JSON object: status, whether the text was seen, how often pages were drawn, the last bytes, and
whether the terminal's settings are what they were.
"""
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios
import time

SECONDS_MAX = 40


def main():
    key, text, program = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
    outer, inner = os.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    before = termios.tcgetattr(inner)
    child = subprocess.Popen(
        program, stdin=inner, stdout=inner, stderr=subprocess.PIPE, start_new_session=True
    )
    shown, pressed, end = b"", False, time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        ready, _, _ = select.select([outer], [], [], 0.1)
        if ready:
            shown += os.read(outer, 65536)
        # Two pages: rates are shown from the second one on.
        if not pressed and text in shown and shown.count(b"\x1b[H") >= 2:
            os.write(outer, b"\x03" if key == "^C" else key.encode())
            pressed = True
        if child.poll() is not None and not ready:
            break
    else:
        child.kill()
    errors = child.communicate()[1].decode()
    after = termios.tcgetattr(inner)
    print(
        json.dumps(
            {
                "status": child.returncode,
                "wasShown": pressed,
                "pages": shown.count(b"\x1b[H"),
                "begins": shown[:16].decode("utf-8", "replace"),
                "ends": shown[-16:].decode("utf-8", "replace"),
                "isRestored": before == after,
                "longestLine": max(
                    (len(line) for page in shown.decode("utf-8", "replace").split("\x1b[H")
                     for line in page.split("\x1b[K")), default=0),
                "errors": errors,
            }
        )
    )


main()
