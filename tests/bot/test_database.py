"""The bot's database does not retain secrets."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Simulates a SQLite build that leaves deleted data in its pages.
PROGRAM = """
import sqlite3
import sys
from pathlib import Path

connect = sqlite3.connect

def forgetful(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.execute("PRAGMA secure_delete = OFF")
    return connection

sqlite3.connect = forgetful

from bot.inbox import Action, Origin, Inbox, action_key
from bot.database import BotStore, bot_database

store = BotStore(bot_database(Path(sys.argv[1])))
inbox = Inbox(store)
url = "https://hooks.example.com/" + "the-secret/" * 20
origin = Origin("U01ALICE", "T01ACME", "C01DEPLOY", None, url)
action = Action(action_key("promote", "t"), "promote", origin, "0" * 32, {"version": "v1.0.0"})
assert inbox.accept(action)
inbox.finish(action)
store.close()
"""


def test_response_url_is_erased_from_the_file_after_use(tmp_path: Path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    subprocess.run(command, env=environ, check=True, timeout=100)

    files = sorted(tmp_path.glob("bot.db*"))
    assert [file.name for file in files] == ["bot.db"]
    assert b"promote:" in files[0].read_bytes()
    assert b"the-secret" not in files[0].read_bytes()
