"""`mpi` of lesson 21: what several processes print, in their order; what goes wrong, in words."""

import pytest

from tinygpt.lesson import many
from tinygpt.training import world


@pytest.fixture
def there():
    pytest.importorskip("mpi4py")


def test_lines_come_in_the_order_of_the_ranks(there):
    program = """
import time
from mpi4py import MPI
rank = MPI.COMM_WORLD.rank
time.sleep(0.3 if rank == 0 else 0)
print("first of", rank)
print("second of", rank)
"""
    lines = many.mpi(3, program).splitlines()
    assert lines == [f"{which} of {rank}" for rank in range(3) for which in ("first", "second")]


def test_an_error_is_shown_with_its_line(there):
    said = many.mpi(2, "print('begun', flush=True)\nraise ValueError('no more')\n")
    assert "begun" in said and "ValueError: no more" in said and "line 2" in said


def test_a_program_that_waits_for_ever_is_ended(there, monkeypatch):
    monkeypatch.setattr(many, "SECONDS", 3)
    program = "from mpi4py import MPI\nif MPI.COMM_WORLD.rank: MPI.COMM_WORLD.Barrier()\n"
    program += "else:\n    import time; time.sleep(1000)\n"
    assert "ended after 3 seconds" in many.mpi(2, program)


def test_without_mpi_the_lesson_goes_on(monkeypatch):
    monkeypatch.setattr(world.importlib.util, "find_spec", lambda name: None)
    assert many.mpi(2, "print(1)").startswith("left out: several processes need MPI")
