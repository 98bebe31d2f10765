"""A client in another language, made from the committed .proto files and gRPC's own library alone.

usage: client.py PROTOCOL_FOLDER HOST:PORT [CA_FILE]     (the token stands in CASECLUSTER_TOKEN)
Prints one JSON object: what it saw.
"""

import importlib
import json
import os
import sys
import tempfile

import grpc
import grpc_tools
from grpc_tools import protoc

SECONDS = 20


def compile_protocol(folder, target):
    """Generates the stubs; the names of the modules follow the folders'."""
    common = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    cases = os.path.join(folder, "casecluster", "v1")
    batches = [
        (folder, [os.path.join(cases, name) for name in sorted(os.listdir(cases))]),
        (os.path.join(folder, "grpc"), [os.path.join(folder, "grpc", "health.proto")]),
    ]
    for root, files in batches:
        arguments = ["protoc", f"-I{root}", f"-I{common}"]
        arguments += [f"--python_out={target}", f"--grpc_python_out={target}"]
        if protoc.main(arguments + files) != 0:
            sys.exit("the protocol does not compile")
    sys.path.insert(0, target)


def module(name):
    return importlib.import_module(name)


def outcome(model, call):
    """The code, the message and the detail of a call that has to fail."""
    try:
        call()
    except grpc.RpcError as error:
        detail = model.ErrorDetail()
        trailers = dict(error.trailing_metadata() or [])
        present = "casecluster-error-bin" in trailers
        if present:
            detail.ParseFromString(trailers["casecluster-error-bin"])
        return {
            "code": error.code().name,
            "message": error.details(),
            "hasDetail": present,
            "kind": detail.kind,
            "field": detail.field,
            "currentVersion": detail.current_version,
            "refused": detail.refused,
        }
    return {"code": "OK", "message": "", "hasDetail": False, "kind": "", "field": "",
            "currentVersion": 0, "refused": False}


def check_health(channel):
    health = module("health_pb2")
    stub = module("health_pb2_grpc").HealthStub(channel)
    found = {}
    for name in ["", "casecluster.v1.Cases", "casecluster.v1.Nothing"]:
        try:
            reply = stub.Check(health.HealthCheckRequest(service=name), timeout=SECONDS)
            found[name] = health.HealthCheckResponse.ServingStatus.Name(reply.status)
        except grpc.RpcError as error:
            found[name] = error.code().name
    return found


def work(channel):
    model = module("casecluster.v1.model_pb2")
    pb = module("casecluster.v1.cases_pb2")
    stub = module("casecluster.v1.cases_pb2_grpc").CasesStub(channel)
    call = {
        "metadata": [("authorization", "Bearer " + os.environ["CASECLUSTER_TOKEN"])],
        "timeout": SECONDS,
    }
    feed = stub.Watch(pb.WatchRequest(), **call)
    events = iter(feed)
    first = next(events)  # Says where the feed begins; what happens from here on is in it.

    request = pb.CreateRequest(
        idempotency_key="python-create",
        title="Räksmörgåsen",
        message="går inte att öppna 🦐",
        requester=model.Requester(name="Ödla", address="odla@example.com"),
        priority=model.PRIORITY_HIGH,
        tags=["lunch"],
        as_owner=True,
    )
    receipt = stub.Create(request, **call)
    again = stub.Create(request, **call)
    found = stub.Get(pb.GetRequest(case_id=receipt.case_id), **call)

    def comment(text, **more):
        return pb.ExecuteRequest(
            case_id=receipt.case_id, comment=pb.TextAction(text=text), **more
        )

    after = stub.Execute(comment("Vi tittar på det."), **call)
    history = stub.History(pb.HistoryRequest(case_id=receipt.case_id), **call)
    seen = []
    for event in events:
        if event.case_id == receipt.case_id:
            seen.append([event.action, event.version])
        if len(seen) == 2:
            break
    feed.cancel()

    stranger = {"metadata": [("authorization", "Bearer nobody")], "timeout": SECONDS}
    get = pb.GetRequest(case_id=receipt.case_id)
    other = pb.CreateRequest()
    other.CopyFrom(request)
    other.message = "something else"
    errors = {
        "stranger": outcome(model, lambda: stub.Get(get, **stranger)),
        "badID": outcome(model, lambda: stub.Get(pb.GetRequest(case_id="nonsense"), **call)),
        "noMessage": outcome(model, lambda: stub.Create(
            pb.CreateRequest(requester=model.Requester(name="x")), **call)),
        "stale": outcome(model, lambda: stub.Execute(
            comment("too late", expected_version=1), **call)),
        "keyReused": outcome(model, lambda: stub.Create(other, **call)),
        "wrongStatus": outcome(model, lambda: stub.Execute(
            pb.ExecuteRequest(case_id=receipt.case_id, accept=pb.EmptyAction()), **call)),
    }
    return {
        "startsWithHeartbeat": first.heartbeat and bool(first.resume_token),
        "caseID": receipt.case_id,
        "sameReceipt": receipt == again,
        "title": found.title,
        "status": model.CaseStatus.Name(found.status),
        "priority": model.Priority.Name(found.priority),
        "version": after.version,
        "texts": [entry.text for entry in history.entries if entry.text],
        "seen": seen,
        "errors": errors,
    }


def main():
    folder, address = sys.argv[1:3]
    options = [("grpc.enable_retries", 0)]
    if len(sys.argv) > 3:
        with open(sys.argv[3], "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        channel = grpc.secure_channel(address, credentials, options)
    else:
        channel = grpc.insecure_channel(address, options)
    with tempfile.TemporaryDirectory() as target, channel:
        compile_protocol(folder, target)
        result = {"health": check_health(channel)}
        result.update(work(channel))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
