"""Calls every operation of the demo's web services with zeep, a SOAP client that is not ours.

Usage: zeep_client.py http://HOST:PORT/demo
"""

import datetime
import io
import sys
import uuid
import zipfile
from decimal import Decimal

import requests
from lxml import etree
from zeep import Client, Settings, xsd
from zeep.exceptions import Fault
from zeep.transports import Transport

V8 = "{http://v8.1c.ru/8.1/data/core}"
PLAN, NODE = "СинхронизацияДанныхЧерезУниверсальныйФормат", "ИИ"
called = set()


def connect(base, name, version):
    session = requests.Session()
    session.auth = ("odata", "odata-demo")
    client = Client(f"{base}/ws/{name}?wsdl", transport=Transport(session=session), settings=Settings(strict=True))
    service = next(iter(client.wsdl.services.values()))
    port = next(port for port in service.ports if port.endswith("Soap12") == (version == "1.2"))
    return client, client.bind(service.name, port)


class Service:
    """A service that notes which of its operations were called."""

    def __init__(self, base, name, version):
        self.client, self.proxy = connect(base, name, version)
        self.name, self.version = name, version

    def __getattr__(self, operation):
        def call(**arguments):
            called.add((self.name, self.version, operation))
            return getattr(self.proxy, operation)(**arguments)

        return call

    def operations(self):
        return set(self.proxy._binding._operations)


def expect(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def listed(value, name):
    """zeep gives the list itself for a type of one repeated member, sometimes."""
    return value if isinstance(value, list) else value[name]


def fault_of(call, **arguments):
    try:
        call(**arguments)
    except Fault as fault:
        return fault.message
    raise SystemExit("FAILED: a fault was expected")


def interface_version(base, version):
    service = Service(base, "InterfaceVersion", version)
    versions = service.GetVersions(InterfaceName="EnterpriseDataExchange")
    expect(listed(versions, "Value") == ["1.0.1.1"], f"versions {versions}")
    return service


def enterprise_data(base, version):
    service = Service(base, "EnterpriseDataExchange_1_0_1_1", version)
    service.Ping()
    peer = {"ExchangePlanName": PLAN, "PeerCode": NODE}
    expect(service.TestConnection(**peer)["return"] is True, "the node is known")
    refused = service.TestConnection(ExchangePlanName=PLAN, PeerCode="НЕТ")
    expect(refused["return"] is False and "не найден" in refused.ErrorMessage, "not connected is an answer")
    operation = service.PrepareDataForGetting(**peer, PartSize=Decimal(8)).OperationID
    polls = 0
    while True:
        result = service.PrepareDataActionResult(OperationID=operation)["return"]
        if result.Status != "Active":
            break
        polls += 1
    expect(result.Status == "Completed" and polls >= 2, f"{result.Status} after {polls} polls")
    parts = [
        service.GetDataPart(FileID=result.FileID, PartNumber=number)["return"]
        for number in range(1, result.PartCount + 1)
    ]
    expect(len(parts) > 1, "the message comes in parts")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(parts)))
    message = etree.fromstring(archive.read(archive.namelist()[0]))
    kinds = {etree.QName(node).localname for node in message[1]}
    expect("Справочник.Организации" in kinds and "Документ.РеализацияТоваровУслуг" in kinds, f"objects {kinds}")
    service.ConfirmGettingFile(FileID=result.FileID, ClearDataPool=True)
    gone = service.GetDataPart(FileID=result.FileID, PartNumber=1)
    expect(gone["return"] is None and gone.ErrorMessage, "a confirmed file is gone")

    text = etree.tostring(message, encoding="unicode")
    text = text.replace(f"<msg:To>{NODE}</msg:To><msg:From>ДМ</msg:From>", f"<msg:To>ДМ</msg:To><msg:From>{NODE}</msg:From>")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("message.xml", text)
    file_id, packed = str(uuid.uuid4()), packed.getvalue()
    for number, start in enumerate(range(0, len(packed), 10_000), 1):
        service.PutFilePart(FileID=file_id, PartNumber=number, PartData=packed[start : start + 10_000])
    operation = service.PutData(**peer, FileID=file_id).OperationID
    while (answer := service.PutDataActionResult(OperationID=operation))["return"] == "Active":
        pass
    expect(answer["return"] == "Completed", f"{answer}")
    unknown = service.PutDataActionResult(OperationID=str(uuid.uuid4()))
    expect(unknown["return"] == "Canceled", "an unknown job is cancelled")
    return service


def exchange(base, version):
    service = Service(base, "Exchange_2_0_1_6", version)
    service.Ping()
    answer = service.TestConnection(ExchangePlanName=PLAN, NodeCode="НЕТ")
    expect(answer["return"] is False and "не найдена настройка" in answer.Result, "false is an answer")
    answer = service.GetIBParameters(ExchangePlanName=PLAN, NodeCode=NODE, ResultMessage=None)
    found = {one.name: one.Value for one in listed(answer["return"], "Property")}
    expect(found["ПланОбменаСуществует"] is True, f"{found}")
    expect(found["КоличествоОрганизаций"] == Decimal(3), f"{found}")
    expect(listed(found["ВерсииФормата"], "Value") == ["1.6", "1.8"], f"{found}")
    expect(service.GetFunctionalOption(Name="ИспользоватьСинхронизациюДанных") is True, "an option")
    text = fault_of(service.GetFunctionalOption, Name="Иное")
    expect("Модуль(134)" in text, text)
    expect(service.FileExists(FileName="x") is False, "no file")
    return service


def assistant(base, version):
    service = Service(base, "AssistantDemo", version)
    table = service.GetStock(Date=None, Warehouse=None, Limit=5)
    names = [column.Name for column in table.column]
    expect(names[:3] == ["Номенклатура", "Артикул", "Наименование"] and len(table.row) == 5, f"{names}")
    reference, article, _, quantity, series = table.row[0].Value
    expect(isinstance(quantity, Decimal) and series is None, f"{table.row[0]}")
    uuid.UUID(reference)
    day = datetime.datetime(2024, 11, 2)
    early = service.GetStock(Date=day, Warehouse=None, Limit=10_000)
    expect(len(early.row) < len(service.GetStock(Date=None, Warehouse=None, Limit=10_000).row), "stock grows")
    text = xsd.AnyObject(xsd.String(), article)
    prices = listed(service.GetPrices(Codes={"Value": [text, xsd.AnyObject(xsd.String(), "нет")]}), "pair")
    expect(prices[0].Key == article and prices[0].Value > 0, f"{prices}")
    expect(prices[1].Value is None, f"{prices}")
    expect(service.FindCounterparty(INN="нет") is None, "nobody")
    order = {
        "Срочность": "Срочный",
        "Дата": day,
        "Строки": [{"Артикул": article, "Количество": Decimal("2")}, {"Артикул": "нет", "Количество": Decimal("1")}],
    }
    answer = service.CheckOrder(Order=order, Comment="проба", Attempt=1)
    expect(answer["return"].Сумма == 2 * prices[0].Value, f"{answer}")
    expect([one.Артикул for one in answer["return"].Отказы] == ["нет"], f"{answer}")
    expect((answer.Comment, answer.Attempt, answer.Number) == ("проба — проверено", 2, "ЗК-000002"), f"{answer}")
    empty = service.CheckOrder(Order={"Срочность": "Обычный", "Дата": None}, Comment=None, Attempt=None)
    expect((empty.Comment, empty.Attempt) == (None, 1), f"{empty}")
    for value, of in [("привет", xsd.String()), (True, xsd.Boolean()), (Decimal("10.50"), xsd.Decimal()), (day, xsd.DateTime())]:
        expect(service.Echo(Value=xsd.AnyObject(of, value)) == value, f"echo of {value}")
    structure = service.client.get_type(f"{V8}Structure")
    inner = {"Property": [{"name": "Цвет", "Value": xsd.AnyObject(xsd.String(), "красный")}]}
    echoed = service.Echo(Value=xsd.AnyObject(structure, structure(**inner)))
    expect(listed(echoed, "Property")[0].Value == "красный", f"{echoed}")
    text = fault_of(service.Fail, Text="Остаток меньше нуля")
    expect(text.endswith("Остаток меньше нуля"), text)
    return service


def strictness(base):
    """What a client must not do, by hand: zeep itself does not send it."""
    address = f"{base}/ws/exchange_2_0_1_6.1cws"
    space = "http://www.1c.ru/SSL/Exchange_2_0_1_6"

    def post(envelope, inner):
        body = (
            f'<s:Envelope xmlns:s="{envelope}"><s:Body><m:GetFunctionalOption xmlns:m="{space}">'
            f"{inner}</m:GetFunctionalOption></s:Body></s:Envelope>"
        )
        return requests.post(address, data=body.encode(), auth=("odata", "odata-demo"), timeout=30)

    for envelope in ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"):
        answer = post(envelope, "<m:Name>x</m:Name><m:Extra>1</m:Extra>")
        expect(answer.status_code == 500 and "неизвестный параметр" in answer.text, answer.text)
        answer = post(envelope, "")
        expect(answer.status_code == 500 and "Обязательный параметр не задан: Name" in answer.text, answer.text)
    expect(requests.get(f"{address}?wsdl", timeout=30).status_code == 401, "a login is asked for")
    missing = requests.get(f"{base}/ws/Нет?wsdl", auth=("odata", "odata-demo"), timeout=30)
    expect(missing.status_code == 404 and "1C:Enterprise 8" in missing.text, missing.text)


def main():
    base = sys.argv[1].rstrip("/")
    for version in ("1.1", "1.2"):
        for check in (interface_version, enterprise_data, exchange, assistant):
            service = check(base, version)
            left = service.operations() - {name for service_name, used, name in called if (service_name, used) == (service.name, version)}
            expect(not left, f"operations of {service.name} were not called: {left}")
            print(f"ok: {service.name}, SOAP {version}: {len(service.operations())} operations")
    strictness(base)
    print("ok: faults, login, missing service")


if __name__ == "__main__":
    main()
