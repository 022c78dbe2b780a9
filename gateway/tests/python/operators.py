"""ONNX's own operator tests through the gateway, over JSON and over binary data.

Every model that ONNX Runtime itself runs with dense tensors of served types must give the same
types, shapes and bits. Run as a script for the list of what differs.
"""

import collections
import pathlib
import sys
import tempfile
import warnings

import numpy
import onnx
import tritonclient.http as triton

import clients
from gateway_process import Gateway, save

warnings.filterwarnings("ignore")


def cases():
    """Name, model bytes and data sets of inputs, from the onnx package."""
    import onnx.backend.test.case.node as node

    for case in node.collect_testcases(None):
        sets = [[numpy.asarray(v) if v is not None else None for v in inputs] if dense(inputs) else None
                for inputs, _ in case.data_sets]
        yield case.name, case.model.SerializeToString(), [s for s in sets if s is not None]
    data = pathlib.Path(onnx.__file__).parent / "backend/test/data"
    for path in sorted(data.glob("*/*/model.onnx")):
        if path.parts[-3] in ("node", "light", "real"):
            continue
        sets = []
        for folder in sorted(path.parent.glob("test_data_set_*")):
            files = sorted(folder.glob("input_*.pb"), key=lambda p: int(p.stem.split("_")[1]))
            try:
                sets.append([onnx.numpy_helper.to_array(onnx.TensorProto.FromString(f.read_bytes()))
                             for f in files])
            except Exception:
                continue
        yield f"{path.parts[-3]}-{path.parts[-2]}", path.read_bytes(), sets


def dense(values):
    return all(isinstance(v, (numpy.ndarray, numpy.generic)) for v in values)


def runnable(model, sets):
    """What ONNX Runtime gives for a model, or None where it does not run it with dense tensors."""
    try:
        session = clients.session(model)
    except Exception:
        return None
    names = [i.name for i in session.get_inputs()]
    kinds = [v.type for v in session.get_inputs() + session.get_outputs()]
    if not all(kind.startswith("tensor(") for kind in kinds):
        return None
    if any(word in kind for kind in kinds for word in ("bfloat16", "float8", "float4", "int4", "int2", "complex")):
        return None
    results = []
    for values in sets:
        inputs = dict(zip(names, values))
        if len(inputs) != len(names) or any(clients.datatype(v) is None for v in inputs.values()):
            continue
        try:
            outputs = session.run(None, inputs)
        except Exception:
            continue
        if not all(isinstance(o, numpy.ndarray) and clients.datatype(o) for o in outputs):
            return None
        results.append((inputs, dict(zip([o.name for o in session.get_outputs()], outputs))))
    return results or None


def random_by_design(name, model):
    """Operators whose outputs differ from run to run by their meaning."""
    kinds = {node.op_type for node in onnx.ModelProto.FromString(model).graph.node}
    return bool(kinds & {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"})


def run():
    """Counts of models, and what differs."""
    kept = {}
    for name, model, sets in cases():
        if random_by_design(name, model):
            continue
        found = runnable(model, sets)
        if found:
            kept[name[:128]] = (model, found)
    differing = collections.OrderedDict()
    with tempfile.TemporaryDirectory(prefix="fusebox-operators-") as repository:
        for name, (model, _) in kept.items():
            save(repository, name, model)
        with Gateway(repository, "[http]\nworkers = 1\n") as gateway:
            client = triton.InferenceServerClient(gateway.http, network_timeout=60)
            for name, (_, results) in kept.items():
                for binary in (False, True):
                    why = check(client, name, results, binary)
                    if why:
                        differing[name, "binary" if binary else "JSON"] = why
            client.close()
    return len(kept), differing


def check(client, name, results, binary):
    for inputs, expected in results:
        strings = [v for v in list(inputs.values()) + list(expected.values()) if v.dtype.kind in "SUO"]
        del strings
        try:
            got = clients.ask(client, name, inputs, list(expected), binary)
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:300]
        for output, array in expected.items():
            if got[output] is None or not clients.same(got[output], array, binary):
                return f"output {output}: {array.dtype}{list(array.shape)} {array.flatten()[:4]} but got {got[output]!r}"[:300]
    return None


def main():
    count, differing = run()
    for (name, form), why in differing.items():
        print(f"{name} ({form}): {why}")
    for form in ("JSON", "binary"):
        wrong = sum(1 for _, f in differing if f == form)
        print(f"{form}: {count - wrong} of {count} models right ({100 * (count - wrong) / count:.2f} %)")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
