"""Scores of films for one user, over the Open Inference Protocol with Triton's client.

    pip install 'tritonclient[http]'
    python examples/python/rank.py [--url localhost:8000]
"""

import argparse

import numpy
import tritonclient.http as triton

FILMS = [50, 100, 181, 258, 286]


def padded(values, length):
    row = numpy.zeros((1, length), numpy.int32)
    row[0, : len(values)] = values
    return row


def tensor(name, array):
    given = triton.InferInput(name, list(array.shape), "INT32")
    given.set_data_from_numpy(array, binary_data=True)
    return given


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="localhost:8000")
    client = triton.InferenceServerClient(parser.parse_args().url)

    for declared in client.get_model_metadata("ml100k_din")["inputs"]:
        print(f"{declared['name']:16} {declared['datatype']} {declared['shape']}")

    inputs = [
        tensor("history", padded([1, 7, 22], 48)),
        tensor("history_ratings", padded([5, 4, 3], 48)),
        tensor("profile", numpy.array([[1, 3, 20]], numpy.int32)),
        tensor("context", numpy.array([[20, 5, 0]], numpy.int32)),
        tensor("candidates", numpy.array(FILMS, numpy.int32)),
        tensor("row_index", numpy.zeros(len(FILMS), numpy.int32)),
    ]
    answer = client.infer("ml100k_din", inputs, request_id="example")
    for film, score in sorted(zip(FILMS, answer.as_numpy("score")), key=lambda pair: -pair[1]):
        print(f"film {film:4}  {score:.4f}")


if __name__ == "__main__":
    main()
