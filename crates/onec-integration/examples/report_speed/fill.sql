-- A made-up ledger of a million documents: 36 months of trade, written by SQL and not by way of 1C.
-- 400 000 sales and 200 000 purchases of three lines, 300 000 receipts, 100 000 payments:
-- 1.8 million lines and 3.5 million entries. Figures are round; their spread is what matters.

create function pg_temp.id(kind text, n bigint) returns uuid language sql immutable as
$$ select md5(kind || n)::uuid $$;

insert into onec.infobases (id, name, base_url, username, password, time_zone, profile, mirrored_at, reachable)
values (pg_temp.id('base', 1), 'Большая', 'http://127.0.0.1:9/big/odata/standard.odata/', 'odata', '\x00',
        'Europe/Moscow', 'accounting-3.0', now(), true);
insert into onec.freshness (infobase_id, entity, as_of)
select pg_temp.id('base', 1), entity, now()
from unnest(array['companies', 'counterparties', 'contracts', 'units', 'items', 'warehouses', 'managers',
                  'bank_accounts', 'cash_desks', 'accounts', 'sale', 'purchase', 'invoice', 'bank_in',
                  'bank_out', 'cash_in', 'cash_out', 'operation', 'ledger']) entity;
insert into onec.companies
select pg_temp.id('company-id', n), pg_temp.id('base', 1), pg_temp.id('company', n), '', false, n::text,
       'Организация ' || n, '', '', '', '', 'организация ' || n, pg_temp.id('base', 1)
from generate_series(0, 9) n;
insert into onec.counterparties
select pg_temp.id('counterparty-id', n), pg_temp.id('base', 1), pg_temp.id('counterparty', n), '', false,
       false, null, n::text, 'Контрагент ' || n, '', '', '', '', '[]', 'контрагент ' || n, pg_temp.id('base', 1)
from generate_series(0, 4999) n;
insert into onec.contracts
select pg_temp.id('base', 1), pg_temp.id('contract', n), '', false, pg_temp.id('counterparty', n), null,
       'Основной', '', null, '', 14, pg_temp.id('base', 1)
from generate_series(0, 4999) n;
insert into onec.items
select pg_temp.id('item-id', n), pg_temp.id('base', 1), pg_temp.id('item', n), '', false, n < 50,
       case when n >= 50 then pg_temp.id('item', n % 50) end, n::text,
       case when n < 50 then 'Группа ' else 'Товар ' end || n, '', '', null, 'товар ' || n, pg_temp.id('base', 1)
from generate_series(0, 2999) n;
insert into onec.warehouses
select pg_temp.id('warehouse-id', n), pg_temp.id('base', 1), pg_temp.id('warehouse', n), '', false, false,
       null, n::text, 'Склад ' || n, 'склад ' || n, pg_temp.id('base', 1)
from generate_series(0, 9) n;
insert into onec.managers
select pg_temp.id('manager-id', n), pg_temp.id('base', 1), pg_temp.id('manager', n), '', false, n::text,
       'Менеджер ' || n, 'менеджер ' || n, pg_temp.id('base', 1)
from generate_series(0, 19) n;
insert into onec.money_places
select pg_temp.id('base', 1), pg_temp.id('place', n), '', false, 'bank_account', pg_temp.id('company', n),
       n::text, 'Счёт ' || n, '', pg_temp.id('base', 1)
from generate_series(0, 9) n;
insert into onec.accounts
select pg_temp.id('base', 1), md5('account' || code)::uuid, '', false,
       case when code like '%.%' then md5('account' || regexp_replace(code, '\.[^.]*$', ''))::uuid end,
       code, 'Счёт ' || code, 'ActivePassive', pg_temp.id('base', 1)
from unnest(array['19', '19.03', '41', '41.01', '50', '51', '60', '60.01', '62', '62.01', '68', '68.02',
                  '69', '90', '90.01', '90.02', '90.03']) code;

create temp table documents_made as
select n, case when n % 10 < 4 then 'sale' when n % 10 < 6 then 'purchase' when n % 10 < 9 then 'bank_in'
               else 'bank_out' end as entity,
       timestamp '2023-01-01' + n * interval '94.6944 seconds' as at,
       (n / 10 * 7919) % 10 as company, (n * 104729) % 5000 as counterparty, (n * 31) % 10 as warehouse,
       (n * 17) % 20 as manager
from generate_series(0::bigint, 999999) n;

insert into onec.documents
select pg_temp.id('base', 1), pg_temp.id('document', n), entity, '', false, true, 'БП-' || lpad(n::text, 8, '0'),
       date_trunc('second', at), pg_temp.id('company', company), pg_temp.id('counterparty', counterparty),
       pg_temp.id('contract', counterparty), pg_temp.id('warehouse', warehouse), pg_temp.id('manager', manager),
       pg_temp.id('place', company), '', 3600, true, '', ''
from documents_made;
insert into onec.document_rows
select pg_temp.id('base', 1), pg_temp.id('document', n), 0, line, pg_temp.id('item', 50 + (n * 13 + line * 997) % 2950),
       10, 120, 1200, 200, null
from documents_made, generate_series(1, 3) line where entity in ('sale', 'purchase');

-- A receipt or payment settles the sale or purchase of the same ten that it belongs to.
insert into onec.ledger_entries
select pg_temp.id('base', 1), pg_temp.id('document', m.n), e.line, m.entity, date_trunc('second', m.at),
       pg_temp.id('company', s.company), md5('account' || e.debit)::uuid, md5('account' || e.credit)::uuid,
       case when e.debit like '6_.0_' and e.debit <> '68.02' then pg_temp.id('counterparty', s.counterparty) end,
       case when e.debit like '6_.0_' and e.debit <> '68.02' then pg_temp.id('contract', s.counterparty) end,
       case when e.debit like '6_.0_' and e.debit <> '68.02' then pg_temp.id('document', s.n) end,
       case when e.debit = '41.01' then pg_temp.id('item', 50 + (m.n * 13 + e.line * 997) % 2950) end,
       case when e.debit = '41.01' then pg_temp.id('warehouse', m.warehouse) end,
       case when e.debit = '51' then pg_temp.id('place', s.company) end,
       case when e.credit like '6_.0_' and e.credit <> '68.02' then pg_temp.id('counterparty', s.counterparty) end,
       case when e.credit like '6_.0_' and e.credit <> '68.02' then pg_temp.id('contract', s.counterparty) end,
       case when e.credit like '6_.0_' and e.credit <> '68.02' then pg_temp.id('document', s.n) end,
       case when e.credit = '41.01' then pg_temp.id('item', 50 + (m.n * 13 + e.line * 997) % 2950) end,
       case when e.credit = '41.01' then pg_temp.id('warehouse', m.warehouse) end,
       case when e.credit = '51' then pg_temp.id('place', s.company) end,
       e.amount, case when e.debit = '41.01' then 10 end, case when e.credit = '41.01' then 10 end, ''
from documents_made m
join (values ('sale', 1, '90.02', '41.01', 800), ('sale', 2, '90.02', '41.01', 800),
             ('sale', 3, '90.02', '41.01', 800), ('sale', 4, '62.01', '90.01', 3600),
             ('sale', 5, '90.03', '68.02', 600),
             ('purchase', 1, '41.01', '60.01', 1000), ('purchase', 2, '41.01', '60.01', 1000),
             ('purchase', 3, '41.01', '60.01', 1000), ('purchase', 4, '19.03', '60.01', 600),
             ('purchase', 5, '68.02', '19.03', 600),
             ('bank_in', 1, '51', '62.01', 3600), ('bank_in', 2, '51', '62.01', 3600),
             ('bank_out', 1, '60.01', '51', 3600), ('bank_out', 2, '60.01', '51', 3600))
     as e (entity, line, debit, credit, amount) on e.entity = m.entity
-- Receipts 6, 7, 8 of ten pay for sales 0 to 3, payment 9 for purchases 4 and 5; but one document
-- of fifty stays unpaid.
join documents_made s on s.n = case m.entity when 'bank_in' then m.n - 7 + e.line
                                             when 'bank_out' then m.n - 6 + e.line else m.n end
where m.entity not in ('bank_in', 'bank_out') or e.line = 1 and s.n % 50 <> 0
   or m.n % 10 in (8, 9);
