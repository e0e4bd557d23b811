"""A function of Lambda for the tests: it does what its event says, with nothing but the Runtime API."""

import base64
import http.client
import json
import os
import sys
import time

API = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None):
    API.request(method, "/2018-06-01/runtime/" + path, body)
    response = API.getresponse()
    return response, response.read()


def answer(event):
    """The action that an event of the tests, of SQS, or of a gateway asks for."""
    if "Records" in event:
        with open(os.environ["SEEN"], "a") as seen:
            for record in event["Records"]:
                seen.write(json.dumps(record) + "\n")
        return records([(r["messageId"], r["body"]) for r in event["Records"]])
    if "requestContext" in event:
        return mirror(event)
    return event


def records(messages):
    bodies = [body for _, body in messages]
    if "crash" in bodies:
        sys.exit(3)
    if "unknown" in bodies:
        return {"batchItemFailures": [{"itemIdentifier": "nobody"}]}
    return {"batchItemFailures": [{"itemIdentifier": i} for i, body in messages if body == "fail"]}


def mirror(event):
    """The body comes back as it was, the event in a header."""
    body = event.get("body") or ""
    data = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
    seen = {name: value for name, value in event.items() if name != "body"}
    headers = {"content-type": "application/octet-stream", "x-event": json.dumps(seen), "connection": "close"}
    return {
        "statusCode": 201,
        "headers": headers,
        "multiValueHeaders": {**{n: [v] for n, v in headers.items()}, "set-cookie": ["a=1", "b=2"]},
        "cookies": ["a=1", "b=2"],
        "body": base64.b64encode(data).decode(),
        "isBase64Encoded": True,
    }


def main():
    if os.environ.get("INIT") == "fail":
        call("POST", "init/error", json.dumps({"errorType": "Init", "errorMessage": "no backend"}))
        sys.exit(1)
    while True:
        head, event = call("GET", "invocation/next")
        event, request = json.loads(event), head.headers["lambda-runtime-aws-request-id"]
        do = event.get("do")
        if do == "crash":
            sys.exit(7)
        if do == "hang" or event.get("rawPath") == "/hang":
            time.sleep(60)
        if do == "large":
            event = {"large": "x" * event["bytes"]}
        if do == "error":
            call("POST", f"invocation/{request}/error", json.dumps({"errorType": "Mine", "errorMessage": "no"}))
            continue
        if do == "about":
            names = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "HOME", "MINE")
            left = int(head.headers["lambda-runtime-deadline-ms"]) - time.time() * 1000
            event = {name: os.environ.get(name) for name in names}
            event |= {"left_ms": left, "arn": head.headers["lambda-runtime-invoked-function-arn"], "pid": os.getpid()}
        if do == "wrong id":
            event = {"status": call("POST", "invocation/other/response", "{}")[0].status}
        call("POST", f"invocation/{request}/response", json.dumps(answer(event)))


main()
