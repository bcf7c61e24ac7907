"""The official SDKs of OpenAI and Anthropic as clients of ours.

DOORS_URL is the address of the service, DOORS_TOKEN an access token, DOORS_DIALECT what the model
behind it speaks. Ends with an error when anything differs from what the SDK's own API gives.
"""

import json
import os

import anthropic
import openai

URL, TOKEN, DIALECT = (os.environ[name] for name in ("DOORS_URL", "DOORS_TOKEN", "DOORS_DIALECT"))
URL = URL.rstrip("/")
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=TOKEN, max_retries=0)
claude = anthropic.Anthropic(base_url=URL, auth_token=TOKEN, max_retries=0)
QUESTION = [{"role": "user", "content": "Сколько бумаги?"}]
SCHEMA = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}
ROWS = json.dumps({"debt": "12.50"}, separators=(",", ":"))
passed = 0


def check(name, holds, seen=""):
    global passed
    assert holds, f"{name}: {seen}"
    passed += 1
    print(f"  ok  {DIALECT:10} {name}")


def chat_completions():
    ids = [model.id for model in client.models.list()]
    check("models.list", ids[0] == "1c-assistant" and "fake" in ids, ids)
    check("models.retrieve", client.models.retrieve("fake").id == "fake")
    answer = client.chat.completions.create(model="fake", messages=QUESTION)
    check("chat", answer.choices[0].message.content == "Данных у меня нет." and answer.usage.total_tokens > 0, answer)
    chunks = list(
        client.chat.completions.create(
            model="fake", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    check("chat, streamed", text == "Данных у меня нет." and chunks[-1].usage.total_tokens > 0, chunks[-1])
    tools = [{"type": "function", "function": {"name": "get_stock", "description": "Остатки", "parameters": SCHEMA}}]
    with client.chat.completions.stream(model="fake", messages=QUESTION, tools=tools) as stream:
        stream.until_done()
        message = stream.get_final_completion().choices[0].message
    call = message.tool_calls[0]
    check("chat, a tool, streamed", json.loads(call.function.arguments) == {"item": "Бумага А4"}, call)
    more = QUESTION + [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": ROWS},
    ]
    answer = client.chat.completions.create(model="fake", messages=more, tools=tools)
    check("chat, the tool's result", "12,50" in answer.choices[0].message.content, answer)
    for model, kind in (("no-such", openai.NotFoundError), ("fault-context", openai.BadRequestError)):
        try:
            client.chat.completions.create(model=model, messages=QUESTION)
            check(f"chat, {model}", False)
        except kind as error:
            check(f"chat, {model}", error.code in ("model_not_found", "context_length_exceeded"), error)
    try:
        list(client.chat.completions.create(model="fault-cut", messages=QUESTION, stream=True))
        check("chat, a broken stream", False)
    except openai.APIError as error:
        check("chat, a broken stream", True, error)
    try:
        openai.OpenAI(base_url=f"{URL}/v1", api_key="nonsense", max_retries=0).models.list()
        check("a wrong key", False)
    except openai.AuthenticationError as error:
        check("a wrong key", error.code == "invalid_api_key", error)


def responses():
    answer = client.responses.create(model="fake", input="Сколько бумаги?", instructions="Кратко")
    check("responses", answer.output_text == "Данных у меня нет." and answer.status == "completed", answer)
    events = list(client.responses.create(model="fake", input="Сколько бумаги?", stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    check("responses, streamed", text == "Данных у меня нет." and events[-1].response.output_text == text, events[-1])
    tools = [{"type": "function", "name": "get_stock", "description": "Остатки", "parameters": SCHEMA, "strict": True}]
    with client.responses.stream(model="fake", input="Сколько бумаги?", tools=tools) as stream:
        stream.until_done()
        first = stream.get_final_response()
    call = [item for item in first.output if item.type == "function_call"][0]
    check("responses, a tool, streamed", json.loads(call.arguments) == {"item": "Бумага А4"}, call)
    more = [{"role": "user", "content": "Сколько бумаги?"}]
    more += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    more += [{"type": "function_call_output", "call_id": call.call_id, "output": ROWS}]
    answer = client.responses.create(model="fake", input=more, tools=tools)
    check("responses, the tool's result", "12,50" in answer.output_text, answer)


def messages():
    ask = {"model": "fake", "max_tokens": 500, "messages": QUESTION}
    check("messages, models", "fake" in [model.id for model in claude.models.list()])
    answer = claude.messages.create(**ask)
    check("messages", answer.content[0].text == "Данных у меня нет." and answer.stop_reason == "end_turn", answer)
    with claude.messages.stream(**ask) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    check("messages, streamed", text == "Данных у меня нет." and final.usage.output_tokens > 0, final)
    tools = [{"name": "get_stock", "description": "Остатки", "input_schema": SCHEMA}]
    with claude.messages.stream(**ask, tools=tools) as stream:
        final = stream.get_final_message()
    call = [block for block in final.content if block.type == "tool_use"][0]
    check("messages, a tool, streamed", call.input == {"item": "Бумага А4"} and final.stop_reason == "tool_use", final)
    ask["messages"] = QUESTION + [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in final.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": ROWS}]},
    ]
    answer = claude.messages.create(**ask, tools=tools)
    check("messages, the tool's result", "12,50" in answer.content[0].text, answer)
    counted = claude.messages.count_tokens(model="fake", messages=QUESTION)
    check("messages, count_tokens", 0 < counted.input_tokens < 100, counted)
    try:
        claude.messages.create(model="no-such", max_tokens=5, messages=QUESTION)
        check("messages, no such model", False)
    except anthropic.NotFoundError as error:
        check("messages, no such model", error.body["error"]["type"] == "not_found_error", error)
    try:
        with claude.messages.stream(model="fault-cut", max_tokens=5, messages=QUESTION) as stream:
            stream.until_done()
        check("messages, a broken stream", False)
    except anthropic.APIError as error:
        check("messages, a broken stream", True, error)


def assistant():
    question = [{"role": "user", "content": "Кто нам должен?"}]
    stream = client.chat.completions.create(model="1c-assistant/builtin", messages=question, stream=True)
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    check("1c-assistant, streamed", "Вектор ООО" in text and "Источники:" in text, text)
    check("1c-assistant, sources as data", chunks[-1].model_extra["onec"]["citations"][0]["id"] == 1, chunks[-1])
    with claude.messages.stream(model="1c-assistant", max_tokens=500, messages=question) as stream:
        text = "".join(stream.text_stream)
    check("1c-assistant by messages", "1200,50" in text, text)
    answer = client.responses.create(model="1c-assistant", input="Кто нам должен?")
    check("1c-assistant by responses", "1200,50" in answer.output_text, answer)


chat_completions()
responses()
messages()
assistant()
print(f"openai {openai.__version__}, anthropic {anthropic.__version__}, behind {DIALECT}: {passed} checks passed")
