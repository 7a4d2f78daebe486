"""The cost model of many ranks: against a simulation that passes every message, and by hand."""

import numpy as np
import pytest

from tinygpt.bench import scaling
from tinygpt.bench.scaling import Network

SLOW = Network("slow", 1e-3, 1e6)


def test_a_ring_by_hand():
    """Three ranks, 3 000 bytes: four rounds, each a part of 1 000 bytes."""
    assert scaling.ring_seconds(3, 3000, SLOW) == pytest.approx(4 * (1e-3 + 1000 / 1e6))
    assert scaling.ring_seconds(1, 3000, SLOW) == 0


@pytest.mark.parametrize("n", [1, 2, 3, 8, 64, 1024])
def test_the_model_is_what_the_simulation_plays(n):
    model = scaling.step_seconds(n, 0.02, 40e6, SLOW)
    assert scaling.simulated_step(n, 0.02, 40e6, SLOW) == pytest.approx(model, rel=1e-9)


def test_unequal_ranks_cost_the_slowest_one():
    """With jitter a step takes as long as the largest of n draws: about 3.2 deviations of 1 024."""
    network = Network("fast", 0.0, 1e15)
    times = [scaling.simulated_step(1024, 1.0, 4e6, network, 0.05, seed) for seed in range(20)]
    assert np.mean(times) == pytest.approx(1 + 3.2 * 0.05, abs=0.02)


def test_overlap_hides_what_fits_beside_backward():
    compute = 3.0  # two seconds of backward
    sending = scaling.ring_seconds(2, 1e6, SLOW)
    assert sending < 2
    assert scaling.step_seconds(2, compute, 1e6, SLOW, overlap=1.0) == compute
    assert scaling.step_seconds(2, compute, 1e6, SLOW) == compute + sending
    assert scaling.step_seconds(2, 0.3, 1e6, SLOW, overlap=1.0) == pytest.approx(0.1 + sending)


def test_the_fit_finds_a_network():
    sizes = [1000, 10_000, 1_000_000]
    seconds = [scaling.ring_seconds(2, size, SLOW) for size in sizes]
    found = scaling.fit(sizes, seconds)
    assert found.latency == pytest.approx(SLOW.latency)
    assert found.bandwidth == pytest.approx(SLOW.bandwidth)


def test_where_more_ranks_stop_paying():
    """8 rows of a second each, and a ring of n - 1 seconds. Steps of 1, 2, 4, 8 ranks: 8, 4 + 1,
    2 + 3 and 1 + 7 seconds. Two use 8 of 2 * 5 seconds, four 8 of 4 * 5: less than half."""
    network = Network("latency alone", 0.5, 1e30)
    assert scaling.stops_paying(1.0, 8, 1.0, network) == (2, 2)


def test_the_report_and_the_picture(tmp_path):
    said = scaling.report()
    assert "gpt2, 10 Gb/s" in said and "What would come next" in said
    scaling.draw(tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
