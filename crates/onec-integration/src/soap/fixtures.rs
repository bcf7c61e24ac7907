//! A service description of the shape that 1C publishes, for tests.

use super::wsdl::{Description, LARGEST_DOCUMENT};
use super::xml::Element;

/// Two operations over the types that 1C uses.
pub(crate) const WSDL: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/"
  xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="http://example.org/exchange"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsd1="http://example.org/exchange" name="Обмен"
  targetNamespace="http://example.org/exchange">
 <types>
  <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:d="http://example.org/data" targetNamespace="http://example.org/data"
    attributeFormDefault="unqualified" elementFormDefault="qualified">
   <xs:simpleType name="Вид"><xs:restriction base="xs:string"><xs:enumeration value="Приход"/><xs:enumeration value="Расход"/></xs:restriction></xs:simpleType>
   <xs:simpleType name="Код"><xs:restriction base="xs:string"><xs:maxLength value="5"/></xs:restriction></xs:simpleType>
   <xs:simpleType name="Номера"><xs:list itemType="xs:int"/></xs:simpleType>
   <xs:complexType name="Строка"><xs:sequence>
     <xs:element name="Код" type="d:Код"/>
     <xs:element name="Количество" type="xs:decimal"/>
     <xs:element name="Вид" type="d:Вид" minOccurs="0"/>
     <xs:element name="Дата" type="xs:dateTime" nillable="true"/>
     <xs:element name="Серии" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
     <xs:element name="Номера" type="d:Номера" minOccurs="0"/>
    </xs:sequence><xs:attribute name="Ид" type="xs:string"/></xs:complexType>
   <xs:complexType name="СтрокаСУчетом"><xs:complexContent><xs:extension base="d:Строка"><xs:sequence>
     <xs:element name="Сумма" type="xs:decimal"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
   <xs:complexType name="Документ"><xs:sequence>
     <xs:element name="Строки" type="d:Строка" minOccurs="0" maxOccurs="unbounded"/>
     <xs:element name="Вложенный" type="d:Документ" minOccurs="0"/>
    </xs:sequence></xs:complexType>
  </xs:schema>
  <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:d="http://example.org/data" xmlns:v8="http://v8.1c.ru/8.1/data/core"
    xmlns:cfg="http://v8.1c.ru/8.1/data/enterprise/current-config"
    targetNamespace="http://example.org/exchange" attributeFormDefault="unqualified" elementFormDefault="qualified">
   <xs:import namespace="http://example.org/data"/>
   <xs:element name="Перенести"><xs:complexType><xs:sequence>
     <xs:element name="Таблица" type="d:Документ"/>
     <xs:element name="Состояние" type="v8:Structure" nillable="true"/>
    </xs:sequence></xs:complexType></xs:element>
   <xs:element name="ПеренестиResponse"><xs:complexType><xs:sequence>
     <xs:element name="return" type="xs:boolean"/>
     <xs:element name="Состояние" type="v8:Structure" nillable="true"/>
     <xs:element name="Ошибка" type="xs:string" nillable="true"/>
    </xs:sequence></xs:complexType></xs:element>
   <xs:element name="Повторить"><xs:complexType><xs:sequence>
     <xs:element name="Что" type="xs:anyType" nillable="true"/>
     <xs:element name="Документ" type="d:Документ" nillable="true"/>
     <xs:element name="Ссылка" type="cfg:CatalogRef.Контрагенты" nillable="true"/>
     <xs:element name="Таблица" type="v8:ValueTable" nillable="true"/>
    </xs:sequence></xs:complexType></xs:element>
   <xs:element name="ПовторитьResponse"><xs:complexType><xs:sequence>
     <xs:element name="return" type="xs:anyType" nillable="true"/>
     <xs:element name="Документ" type="d:Документ" nillable="true"/>
     <xs:element name="Ссылка" type="cfg:CatalogRef.Контрагенты" nillable="true"/>
     <xs:element name="Таблица" type="v8:ValueTable" nillable="true"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:schema>
 </types>
 <message name="ПеренестиRequestMessage"><part name="parameters" element="tns:Перенести"/></message>
 <message name="ПеренестиResponseMessage"><part name="parameters" element="tns:ПеренестиResponse"/></message>
 <message name="ПовторитьRequestMessage"><part name="parameters" element="tns:Повторить"/></message>
 <message name="ПовторитьResponseMessage"><part name="parameters" element="tns:ПовторитьResponse"/></message>
 <portType name="ОбменPortType">
  <operation name="Перенести"><input message="tns:ПеренестиRequestMessage"/><output message="tns:ПеренестиResponseMessage"/></operation>
  <operation name="Повторить"><input message="tns:ПовторитьRequestMessage"/><output message="tns:ПовторитьResponseMessage"/></operation>
 </portType>
 <binding name="ОбменSoapBinding" type="tns:ОбменPortType"><soapbind:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="Перенести"><soapbind:operation style="document" soapAction="http://example.org/exchange#Обмен:Перенести"/>
   <input><soapbind:body use="literal"/></input><output><soapbind:body use="literal"/></output></operation>
  <operation name="Повторить"><soapbind:operation style="document" soapAction="http://example.org/exchange#Обмен:Повторить"/>
   <input><soapbind:body use="literal"/></input><output><soapbind:body use="literal"/></output></operation>
 </binding>
 <binding name="ОбменSoap12Binding" type="tns:ОбменPortType"><soap12bind:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="Перенести"><soap12bind:operation style="document" soapAction="http://example.org/exchange#Обмен:Перенести"/>
   <input><soap12bind:body use="literal"/></input><output><soap12bind:body use="literal"/></output></operation>
  <operation name="Повторить"><soap12bind:operation style="document" soapAction="http://example.org/exchange#Обмен:Повторить"/>
   <input><soap12bind:body use="literal"/></input><output><soap12bind:body use="literal"/></output></operation>
 </binding>
 <service name="Обмен">
  <port name="ОбменSoap" binding="tns:ОбменSoapBinding"><soapbind:address location="http://1c.example/base/ws/exchange.1cws"/></port>
  <port name="ОбменSoap12" binding="tns:ОбменSoap12Binding"><soap12bind:address location="http://1c.example/base/ws/exchange.1cws"/></port>
 </service>
</definitions>"##;

/// The service of [`WSDL`].
pub(crate) fn description() -> Description {
    let document = Element::parse(WSDL.as_bytes(), LARGEST_DOCUMENT).unwrap();
    Description::read(&[document]).unwrap()
}
