"""Whatever the node started ends with it, also when it is killed."""

import json
import subprocess
import sys
from pathlib import Path

NODE = Path(__file__).with_name("node.py")


def session(pid: int) -> int:
    """Session of a process, as proc(5) has it."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])


def members(of: int) -> list[str]:
    """Processes of a session that are not over yet."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[3]) == of and fields[0] != "Z":
            found.append(entry.name)
    return found


def wait_until_over(of: int) -> None:
    """Waits for the kernel and the zygote to do their part; 200 rounds are some seconds."""
    for _ in range(200):
        if not members(of):
            return
        subprocess.run(["/bin/sleep", "0.02"], check=True)
    raise AssertionError(f"left over: {members(of)}")


def test_no_process_outlives_a_node_that_was_killed(tmp_path: Path) -> None:
    node = subprocess.Popen([sys.executable, str(NODE), str(tmp_path)], stdout=subprocess.PIPE)
    assert node.stdout is not None
    with node.stdout:
        try:
            worker, template, child = json.loads(node.stdout.readline())
            zygotes_session = session(template)
            assert session(worker) == session(child) == zygotes_session
        finally:
            node.kill()
            node.wait()

    wait_until_over(zygotes_session)
