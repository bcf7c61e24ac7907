//! Debts, with care for who owes whom.

use super::{Intent, Signs};
use crate::builtin::lexicon::Concept as C;

/// The side that a question about debts means.
pub(super) fn debt(s: &Signs<'_>) -> Option<Intent> {
    if s.has(C::Payable) {
        return Some(Intent::Payables);
    }
    if s.has(C::Receivable) {
        return Some(Intent::Receivables);
    }
    if s.has(C::Advance) && !s.has(C::Tax) {
        let given = s.has(C::Supplier) || s.begins(&["выдан", "наш", "paid"]) || s.has(C::We);
        let got = s.has(C::Customer) || s.begins(&["получен", "received"]) || s.has(C::Us);
        return Some(match (given, got) {
            (true, _) => Intent::Payables,
            (false, true) => Intent::Receivables,
            (false, false) => Intent::DebtOfUnknownDirection,
        });
    }
    // «рассчитался ли с нами Вектор»
    if s.begins(&["рассчитал", "расчитал", "рассчитыва", "расплатил"]) && (s.has_names || s.has(C::Customer))
    {
        return Some(if s.has(C::We) {
            Intent::Payables
        } else {
            Intent::Receivables
        });
    }
    // «нам заплатили все?»
    if s.has(C::Pay) && s.says(&["все", "everybody", "everyone"]) && s.any(&[C::Us, C::Customer]) {
        return Some(Intent::Receivables);
    }
    if s.says(&["bills"]) && s.any(&[C::Ought, C::We]) {
        return Some(Intent::Payables);
    }
    if let Some(intent) = of_unpaid(s) {
        return Some(intent);
    }
    if let Some(intent) = of_payments_to_come(s) {
        return Some(intent);
    }
    let hangs = s.has(C::Hangs) && !s.any(&[C::Warehouse, C::Money, C::Bank, C::Stock, C::Account]);
    let awaited_of_us = s.has(C::Await) && s.phrase(&["от", "нас"]);
    let ought = awaited_of_us || s.has(C::Ought) && s.any(&[C::Us, C::We, C::Our, C::Supplier, C::Customer]);
    if !(s.any(&[C::Debt, C::Overdue]) || hangs || ought) {
        return None;
    }
    // «должны» of time or of an act: «должны поступить деньги»
    if we_owe(s) && !we_are_owed(s) {
        return Some(Intent::Payables);
    }
    if we_are_owed(s) {
        return Some(if we_owe(s) && s.says(&["мы", "we"]) {
            Intent::Payables
        } else {
            Intent::Receivables
        });
    }
    if s.has(C::Whom) {
        // «кому звонить по просрочке» asks for those who owe us.
        return Some(
            if s.begins(&["звон", "позвон", "напомн", "пис", "call", "remind"]) {
                Intent::Receivables
            } else {
                Intent::Payables
            },
        );
    }
    if s.has(C::We) {
        return Some(Intent::Payables);
    }
    if s.has(C::Supplier) {
        // «задолженность поставщиков» would be theirs, «поставщикам» is ours.
        let theirs = s.says(&["поставщики", "поставщиков", "поставщика"]) && !s.says(&["перед"]);
        return Some(if theirs && !s.has(C::Our) {
            Intent::DebtOfUnknownDirection
        } else {
            Intent::Payables
        });
    }
    if s.has(C::Customer) {
        return Some(Intent::Receivables);
    }
    if s.has(C::Our) || s.phrase(&["our", "debt"]) {
        return Some(Intent::Payables);
    }
    if s.has(C::Who) {
        return Some(Intent::Receivables);
    }
    // «просрочка больше 30 дней», «кто просрочил оплату»: unless said otherwise, that of customers.
    if s.has(C::Overdue) && !s.has(C::Debt) {
        return Some(Intent::Receivables);
    }
    // Without a pronoun, «должны Ромашке» and «должны Ромашка» differ by an ending of a name; a debt
    // of nobody in particular may be either.
    let of_one = s.says(&["должен", "должна", "должно", "owes"]);
    let unclear = s.says(&["должны", "задолжали"]) || !s.has_names;
    Some(if unclear && !of_one {
        Intent::DebtOfUnknownDirection
    } else {
        Intent::Receivables
    })
}

/// «мы должны», «наш долг перед …», «с нас».
fn we_owe(s: &Signs<'_>) -> bool {
    let debtor = [
        "должны",
        "должен",
        "должна",
        "задолжали",
        "торчим",
        "просрочили",
        "недоплатили",
    ];
    s.near(&["мы", "я"], &debtor)
        || s.near(&debtor, &["мы", "я"])
        || s.phrase(&["с", "нас"])
        || s.phrase(&["от", "нас"])
        || s.near(&["we", "i"], &["owe", "owes"])
        || (s.says(&["торчим"]))
        || (s.has(C::Facing) && !s.says(&["нами"]))
        || (s.phrase(&["у", "нас"]) && s.has(C::Facing) && !s.says(&["нами"]))
}

/// «нам должны», «долг перед нами», "are we owed".
fn we_are_owed(s: &Signs<'_>) -> bool {
    s.has(C::Us)
        || s.phrase(&["are", "we", "owed"])
        || s.phrase(&["we", "are", "owed"])
        || s.phrase(&["owed", "to", "us"])
        || s.phrase(&["due", "to", "us"])
}

/// «неоплаченные счета», «кто не заплатил».
fn of_unpaid(s: &Signs<'_>) -> Option<Intent> {
    let unpaid = s.has(C::Unpaid) || (s.has(C::Pay) && s.has(C::Not) && !s.has(C::Received));
    if !unpaid {
        return None;
    }
    let ours = (s.has(C::We) && !s.has(C::Us)) || s.has(C::Supplier) || (s.has(C::Whom) && !s.has(C::Us));
    Some(if ours {
        Intent::Payables
    } else {
        Intent::Receivables
    })
}

/// «кому и когда платить», «сколько нужно заплатить поставщикам», «от кого ждать денег».
fn of_payments_to_come(s: &Signs<'_>) -> Option<Intent> {
    let pay = &[
        "платить",
        "заплатить",
        "оплатить",
        "уплатить",
        "рассчитаться",
        "погасить",
        "отдать",
        "перечислить",
        "перевести",
    ];
    let to_pay = s.says(pay)
        || s.phrase(&["to", "pay"])
        || (s.phrase(&["we", "pay"]) && !s.says(&["did"]))
        || s.phrase(&["предстоящие", "платежи"])
        || s.phrase(&["платежи", "предстоящие"])
        || s.phrase(&["upcoming", "payments"])
        || (s.has(C::Whom) && s.says(&["платим", "заплатим", "отдаем"]));
    let have_to = s.says(&[
        "нужно",
        "надо",
        "предстоящие",
        "need",
        "have",
        "осталось",
        "когда",
        "пора",
        "обязаны",
        "upcoming",
    ]);
    if to_pay {
        // «сколько нам должны перечислить клиенты», but «что нам надо оплатить»
        let they =
            s.has(C::Customer) || s.says(&["us"]) || (s.has(C::Us) && s.has(C::Debt)) || s.says(&["они"]);
        if they && !s.says(&["надо", "нужно"]) {
            return Some(Intent::Receivables);
        }
        let ours = s.any(&[C::Whom, C::Supplier, C::We, C::Our])
            || s.phrase(&["to", "pay"])
            || s.phrase(&["upcoming", "payments"]);
        if have_to || ours {
            return Some(Intent::Payables);
        }
    }
    let from_whom = s.phrase(&["с", "кого"])
        || s.phrase(&["от", "кого"])
        || s.phrase(&["у", "кого"])
        || s.phrase(&["from", "whom"]);
    if s.phrase(&["от", "нас"]) {
        return None;
    }
    let to_get = s.says(&[
        "получить",
        "получим",
        "взыскать",
        "стрясти",
        "трясти",
        "требовать",
        "collect",
        "спросить",
        "просить",
    ]) || s.has(C::Await)
        || s.has(C::Ought) && s.has(C::Us);
    let money = s.any(&[C::Money, C::Pay, C::Received, C::Debt]);
    if to_get && (from_whom || s.any(&[C::Customer, C::Us])) && (money || s.has(C::Await)) {
        return Some(Intent::Receivables);
    }
    if s.has(C::Await) && s.any(&[C::Pay, C::Received, C::Money]) {
        return Some(Intent::Receivables);
    }
    None
}
