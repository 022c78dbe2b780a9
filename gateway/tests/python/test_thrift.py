"""Stock Thrift clients get the lists that REST gives, and its errors."""

import io
import json
import urllib.request

import pytest
import thriftpy2
from thriftpy2.http import make_client
from thriftpy2.thrift import TApplicationException

from gateway_process import ROOT, Gateway

IDL = thriftpy2.load(str(ROOT / "gateway/idl/fusebox.thrift"), module_name="fusebox_thrift")


@pytest.fixture(scope="module")
def gateway():
    unhurried = '[limits]\ndeadline = "20s"\n[admission]\nqueue_delay = "60s"\n'
    with Gateway(ROOT / "models", unhurried) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def client(gateway):
    host, port = gateway.http.split(":")
    client = make_client(IDL.RecommendService, host, int(port), path="/v2/thrift")
    yield client
    client.close()


def rest(gateway, **asked):
    request = urllib.request.Request(
        f"http://{gateway.http}/v2/recommend/item",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_the_lists_of_fifty_users_are_those_of_rest(gateway, client):
    for user in map(str, range(1, 51)):
        expected = rest(gateway, user_id=user, top_k=10, include=["title"])
        answer = client.Recommend(IDL.RecommendRequest(UserID=user, TopK=10, Include=["title"]))
        items = [(item.ItemID, item.Score, item.Title) for item in answer.Items]
        assert items == [(i["item_id"], i["score"], i["title"]) for i in expected["items"]]
        assert answer.Model == expected["model"] and not answer.Degraded


def test_named_candidates_and_context_are_read(gateway, client):
    asked = {"candidates": ["1", "50", "nothing", "181"], "context": {"hour": "9", "x": "y"}}
    expected = rest(gateway, user_id="7", **asked)
    request = IDL.RecommendRequest(
        UserID="7", Candidates=asked["candidates"], Context=asked["context"]
    )
    answer = client.Recommend(request)
    assert [i.ItemID for i in answer.Items] == [i["item_id"] for i in expected["items"]]
    assert answer.UnknownCandidates == 1


def test_an_error_is_raised_as_the_idl_declares_it(client):
    with pytest.raises(IDL.RecommendError) as raised:
        client.Recommend(IDL.RecommendRequest(UserID="7", TopK=0))
    error = raised.value
    assert (error.Code, error.Layer, error.Retryable) == ("BUSI.INPUT.INVALID", "BUSI", False)
    assert "top_k" in error.Message


def test_an_unknown_method_is_thrifts_own_exception(gateway):
    host, port = gateway.http.split(":")
    text = (ROOT / "gateway/idl/fusebox.thrift").read_text()
    other = text.replace("RecommendResponse Recommend(", "RecommendResponse Rank(")
    idl = thriftpy2.load_fp(io.StringIO(other), "other_thrift")
    client = make_client(idl.RecommendService, host, int(port), path="/v2/thrift")
    with pytest.raises(TApplicationException) as raised:
        client.Rank(idl.RecommendRequest(UserID="7"))
    assert raised.value.type == TApplicationException.UNKNOWN_METHOD
    client.close()
