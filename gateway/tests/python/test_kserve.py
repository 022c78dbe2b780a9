"""The official KServe client against Triton's simple model."""

import asyncio

import numpy
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig


def test_the_kserve_client(gateway):
    async def run():
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
        base = f"http://{gateway.http}"
        assert await client.is_server_live(base) and await client.is_server_ready(base)
        assert await client.is_model_ready(base, "simple")
        a = numpy.arange(16, dtype=numpy.int32).reshape(1, 16)
        for binary in (False, True):
            inputs = [InferInput("INPUT0", [1, 16], "INT32"), InferInput("INPUT1", [1, 16], "INT32")]
            for tensor in inputs:
                tensor.set_data_from_numpy(a, binary_data=binary)
            answer = await client.infer(base, InferRequest("simple", inputs), model_name="simple")
            outputs = {o.name: o.as_numpy() for o in answer.outputs}
            assert (outputs["OUTPUT0"].reshape(1, 16) == a + a).all()
            assert (outputs["OUTPUT1"].reshape(1, 16) == 0).all()
        await client.close()

    asyncio.run(run())
