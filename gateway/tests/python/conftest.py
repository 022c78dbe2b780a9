import pytest
import tritonclient.http as triton

import models
from gateway_process import Gateway, save

SHAPES = {
    0: [],
    1: [5],
    2: [2, 7],
    3: [2, 3, 4],
    4: [1, 2, 3, 4],
    5: [2, 1, 2, 1, 3],
    6: [1, 2, 1, 2, 2, 2],
}


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    for dtype in models.ELEMENTS:
        for rank in SHAPES:
            dynamic = [f"d{i}" for i in range(rank)]
            save(root, f"any_{dtype}_{rank}", models.identity(dtype, dynamic))
        save(root, f"fixed_{dtype}", models.identity(dtype, [2, 3]))
        save(root, f"shapeless_{dtype}", models.identity(dtype, None))
    save(root, "simple", models.simple())
    save(root, "simple_batched", models.simple(), manifest="max_batch_size = 8\n")
    save(root, "no_inputs", models.no_inputs())
    save(root, "many_outputs", models.many_outputs())
    save(root, "overridable", models.overridable())
    save(root, "batched", models.scaled_rows(), manifest="max_batch_size = 8\n")
    limited = '[inputs.x]\nmax_shape = [4]\nmin = -5\nmax = 5\n'
    save(root, "limited", models.identity("INT64", ["n"]), manifest=limited)
    for version in (1, 2, 3):
        save(root, "versions", models.identity("INT32", [version]), version, "versions = [1, 3]\n")
    return root


@pytest.fixture(scope="session")
def gateway(repository):
    with Gateway(repository, "[http]\nworkers = 2\n") as running:
        yield running


@pytest.fixture(scope="session")
def client(gateway):
    client = triton.InferenceServerClient(gateway.http, network_timeout=60)
    yield client
    client.close()
