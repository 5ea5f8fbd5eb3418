"""Model servers of the machine behind: each speaks as much of its interface as the agents use, and says what a script says.

script.json: turns, each a list of calls {"tool", "input"}. What is asked after the last turn, or without tools, gets a short answer.
"""

import gzip

for name in ["api.anthropic.com", "api.openai.com", "chatgpt.com", "generativelanguage.googleapis.com"]:
    HOSTS[name] = GOOD
for name in ["statsig.anthropic.com", "play.googleapis.com", "cloudcode-pa.googleapis.com"]:
    HOSTS[name] = EVIL
LAST_WORD = "the script is over"


def turns():
    return json.load(open(at + "/script.json"))


def events(lines, named=True):
    head = lambda value: f"event: {value['type']}\n" if named else ""
    return "".join(f"{head(value)}data: {json.dumps(value)}\n\n" for value in lines)


def messages(asked):
    """The Messages API of Claude."""
    said = sum(message["role"] == "assistant" for message in asked["messages"])
    calls = turns()[said] if asked.get("tools") and said < len(turns()) else []
    blocks = [
        ({"type": "tool_use", "id": f"toolu_{said}_{n}", "name": call["tool"], "input": {}},
         {"type": "input_json_delta", "partial_json": json.dumps(call["input"])})
        for n, call in enumerate(calls)
    ] or [({"type": "text", "text": ""}, {"type": "text_delta", "text": LAST_WORD})]
    message = {"id": f"msg_{said}", "type": "message", "role": "assistant", "model": asked["model"], "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    reason = "tool_use" if calls else "end_turn"
    if not asked.get("stream"):
        content = [{"type": "text", "text": LAST_WORD}]
        return json.dumps({**message, "content": content, "stop_reason": reason})
    lines = [{"type": "message_start", "message": message}]
    for index, (block, delta) in enumerate(blocks):
        lines += [{"type": "content_block_start", "index": index, "content_block": block},
                  {"type": "content_block_delta", "index": index, "delta": delta},
                  {"type": "content_block_stop", "index": index}]
    lines += [{"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
               "usage": {"output_tokens": 1}}, {"type": "message_stop"}]
    return events(lines)


def responses(asked):
    """The Responses API, of which Codex tells all that was said before."""
    said = sum(item.get("type") in ("function_call_output", "custom_tool_call_output") for item in asked["input"])
    rest = [call for turn in turns() for call in turn][said:]
    is_over = not asked.get("tools") or not rest
    item = {"type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": LAST_WORD}]}
    if not is_over:
        item = {"type": "function_call", "id": f"fc_{said}", "call_id": f"call_{said}", "name": rest[0]["tool"],
                "arguments": json.dumps(rest[0]["input"])}
    used = {"input_tokens": 1, "input_tokens_details": None, "output_tokens": 1, "output_tokens_details": None,
            "total_tokens": 2}
    return events([{"type": "response.created", "response": {"id": "resp_1"}},
                   {"type": "response.output_item.done", "output_index": 0, "item": item},
                   {"type": "response.completed", "response": {"id": "resp_1", "usage": used}}])


def contents(asked, streams):
    """The API of Gemini."""
    said = sum(any("functionCall" in part for part in content.get("parts", [])) for content in asked["contents"])
    calls = turns()[said] if asked.get("tools") and said < len(turns()) else []
    parts = [{"functionCall": {"name": call["tool"], "args": call["input"]}} for call in calls] or [{"text": LAST_WORD}]
    answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}
    return events([answer], named=False) if streams else json.dumps(answer)


def do_POST(self):
    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
    if self.headers.get("Transfer-Encoding") == "chunked":
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
    if self.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    path, host = self.path.split("?")[0], self.headers.get("Host")
    secrets = [self.headers[name] for name in ["x-api-key", "Authorization", "x-goog-api-key"] if name in self.headers]
    note(f"model {host} {path} with {' '.join(secrets)}")
    with open(at + "/requests.log", "ab") as log:
        log.write(path.encode() + b" " + body + b"\n")
    try:
        asked = json.loads(body)
    except ValueError:
        asked = {}
    answer, kind = "{}", "application/json"
    if path == "/v1/messages":
        answer = messages(asked)
    elif path == "/v1/messages/count_tokens":
        answer = json.dumps({"input_tokens": 1})
    elif path.endswith("/responses"):
        answer = responses(asked)
    elif path.endswith(":streamGenerateContent"):
        answer = contents(asked, True)
    elif path.endswith(":generateContent"):
        answer = contents(asked, False)
    elif path.endswith(":countTokens"):
        answer = json.dumps({"totalTokens": 1})
    if answer.startswith(("event:", "data:")):
        kind = "text/event-stream"
    answer = answer.encode()
    self.send_response(200)
    self.send_header("Content-Type", kind)
    self.send_header("Content-Length", str(len(answer)))
    self.end_headers()
    self.wfile.write(answer)


others = getattr(Handler, "do_POST", None)
# What comes besides is git's, or read from files.
files = Handler.do_GET


def do_GET(self):
    if self.headers.get("Upgrade") or "/models" in self.path:
        # No socket; and no list of models, which has the agents go on with what they know.
        is_socket = bool(self.headers.get("Upgrade"))
        answer = b"{}" if is_socket else b'{"models": []}'
        self.send_response(426 if is_socket else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    else:
        files(self)


Handler.do_GET = do_GET
Handler.do_POST = lambda self: others(self) if self.path.startswith("/git/") else do_POST(self)
