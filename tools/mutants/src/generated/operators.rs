//! Finds the mutants of a file: one change each, found in its syntax and made in its text.
//!
//! Tests, attributes, comments, the bodies of macros, and code that prints or compares for people are left alone. A
//! name is made of the function and of the text that is changed, so that it survives a move of lines.

use proc_macro2::Span;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, RangeLimits, Stmt, UnOp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operator {
    /// A comparison says the opposite.
    Negated,
    /// A comparison or a bound is off by one.
    Shifted,
    /// An ordering is one step weaker.
    Lowered,
    /// A mask is replaced by another one.
    Exchanged,
    /// A statement is left out.
    Dropped,
    /// Two statements stand in the other order.
    Swapped,
    /// A condition says the opposite, or asks for one thing where it asked for two.
    Condition,
    /// An early return is taken away.
    Return,
}

impl Operator {
    pub(crate) const ALL: [Self; 8] = [
        Self::Negated,
        Self::Shifted,
        Self::Lowered,
        Self::Exchanged,
        Self::Dropped,
        Self::Swapped,
        Self::Condition,
        Self::Return,
    ];
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negated => "negated",
            Self::Shifted => "shifted",
            Self::Lowered => "lowered",
            Self::Exchanged => "exchanged",
            Self::Dropped => "dropped",
            Self::Swapped => "swapped",
            Self::Condition => "condition",
            Self::Return => "return",
        })
    }
}

/// One change of one file.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    /// `gen: FILE:FUNCTION: operator: snippet`; the path of the file begins below `src`.
    pub(crate) name: String,
    /// The path of the file from the root of the repository.
    pub(crate) file: String,
    pub(crate) operator: Operator,
    /// The body of the function around the change, if that function can have several bodies.
    pub(super) body: Option<Range<usize>>,
    place: Range<usize>,
    replacement: String,
}

impl Generated {
    /// Returns the text of the file with the change made.
    pub(crate) fn applied_to(&self, text: &str) -> String {
        self.applied_within(text, 0..text.len())
    }

    /// Returns a part of the file that includes the place, with the change made.
    pub(super) fn applied_within(&self, text: &str, part: Range<usize>) -> String {
        let Range { start, end } = self.place;
        [
            &text[part.start..start],
            &self.replacement,
            &text[end..part.end],
        ]
        .concat()
    }
}

/// Returns all changes of a file, in the order of its text.
pub(crate) fn changes_of(file: &str, text: &str) -> Result<Vec<Generated>, String> {
    let syntax = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
    let mut finder = Finder {
        file,
        text,
        path: Vec::new(),
        body: None,
        found: Vec::new(),
        times: HashMap::new(),
    };
    finder.visit_file(&syntax);
    finder.found.sort_by_key(|change| change.place.start);
    Ok(finder.found)
}

struct Finder<'t> {
    file: &'t str,
    text: &'t str,
    /// The enclosing type and functions.
    path: Vec<String>,
    /// The body of the outermost function, as in [`Generated`].
    body: Option<Range<usize>>,
    found: Vec<Generated>,
    /// How often each name has occurred so far.
    times: HashMap<String, usize>,
}

impl Finder<'_> {
    fn text_of(&self, spanned: &impl Spanned) -> &str {
        &self.text[spanned.span().byte_range()]
    }

    /// Adds the change that puts `new` at `place`; the name of the mutant shows it as `shown`.
    fn change(&mut self, operator: Operator, place: Range<usize>, new: String, shown: &str) {
        let file = self.file.strip_prefix("src/").unwrap_or(self.file);
        let function = self.path.join("::");
        let mut name = format!("gen: {file}:{function}: {operator}: {}", short(shown, 96));
        let times = self.times.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name = format!("{name} ({times})");
        }
        self.found.push(Generated {
            name,
            file: self.file.to_owned(),
            operator,
            body: self.body.clone(),
            place,
            replacement: new,
        });
    }

    /// Adds the change that puts `new` in the place of a token or an operand of `whole`.
    fn exchange(&mut self, operator: Operator, whole: &impl Spanned, part: Span, new: &str) {
        let (whole, part) = (whole.span().byte_range(), part.byte_range());
        let text = self.text;
        let shown = [
            &text[whole.start..part.start],
            "[",
            &text[part.clone()],
            " -> ",
            new,
            "]",
            &text[part.end..whole.end],
        ];
        let shown = shown.concat();
        self.change(operator, part, new.to_owned(), &shown);
    }

    fn inside(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.path.push(name);
        visit(self);
        self.path.pop();
    }

    /// Visits a function. A `const fn` can have only one body, and so can a function that returns `impl Trait`, because
    /// each body would be a type of its own.
    fn function(&mut self, of: &syn::Signature, body: &syn::Block, visit: impl FnOnce(&mut Self)) {
        let around = self.body.clone();
        let is_opaque = matches!(&of.output, syn::ReturnType::Type(_, of) if matches!(**of, syn::Type::ImplTrait(_)));
        if around.is_none() && of.constness.is_none() && !is_opaque {
            self.body = Some(body.span().byte_range());
        }
        visit(self);
        self.body = around;
    }

    fn binary(&mut self, binary: &syn::ExprBinary) {
        use Operator::{Condition, Exchanged, Negated, Shifted};
        let one = |operator, new| vec![(operator, new)];
        let new = match binary.op {
            BinOp::Eq(_) => one(Negated, "!="),
            BinOp::Ne(_) => one(Negated, "=="),
            BinOp::Lt(_) => vec![(Negated, ">="), (Shifted, "<=")],
            BinOp::Le(_) => vec![(Negated, ">"), (Shifted, "<")],
            BinOp::Gt(_) => vec![(Negated, "<="), (Shifted, ">=")],
            BinOp::Ge(_) => vec![(Negated, "<"), (Shifted, ">")],
            BinOp::And(_) => one(Condition, "||"),
            BinOp::Or(_) => one(Condition, "&&"),
            BinOp::BitAnd(_) => one(Exchanged, "|"),
            BinOp::BitOr(_) => one(Exchanged, "&"),
            BinOp::BitXor(_) => one(Exchanged, "|"),
            BinOp::BitAndAssign(_) => one(Exchanged, "|="),
            BinOp::BitOrAssign(_) => one(Exchanged, "&="),
            BinOp::BitXorAssign(_) => one(Exchanged, "|="),
            BinOp::Add(_) if is_one(&binary.right) => one(Shifted, "+ 0 *"),
            BinOp::Sub(_) if is_one(&binary.right) => one(Shifted, "- 0 *"),
            _ => vec![],
        };
        for (operator, new) in new {
            self.exchange(operator, binary, binary.op.span(), new);
        }
        let right = self.text_of(&*binary.right).to_owned();
        let span = binary.right.span();
        match binary.op {
            // The number that a value is compared with becomes another one.
            BinOp::Eq(_) | BinOp::Ne(_) if is_number(&binary.right) => {
                self.exchange(Shifted, binary, span, &format!("{right} + 1"));
            }
            BinOp::BitAnd(_) | BinOp::BitAndAssign(_) if !is_not(&binary.right) => {
                self.exchange(Exchanged, binary, span, &format!("!({right})"));
            }
            BinOp::Shl(_) | BinOp::Shr(_) => {
                self.exchange(Exchanged, binary, span, &format!("({right} + 1)"));
            }
            _ => {}
        }
    }

    /// Weakens the orderings among the arguments of a method of an atomic.
    fn atomic(&mut self, call: &syn::ExprMethodCall) {
        let method = call.method.to_string();
        let is_exchange = method.starts_with("compare_exchange");
        for (index, argument) in call.args.iter().enumerate() {
            let Some(ordering) = ordering(argument) else {
                continue;
            };
            let kind = match (method.as_str(), is_exchange && index == 3) {
                ("load", _) | (_, true) => Access::Load,
                ("store", _) => Access::Store,
                _ => Access::Both,
            };
            let Expr::Path(path) = argument else { continue };
            let last = path.path.segments.last().expect("an ordering").ident.span();
            for &lower in kind.one_step_below(&ordering) {
                self.exchange(Operator::Lowered, call, last, lower);
            }
        }
        for (one, other) in [("fetch_or", "fetch_and"), ("fetch_add", "fetch_sub")] {
            let new = match method.as_str() {
                name if name == one => other,
                name if name == other => one,
                _ => continue,
            };
            self.exchange(Operator::Exchanged, call, call.method.span(), new);
        }
    }

    /// Weakens a load that `sync` puts into the total order.
    fn load_in_order(&mut self, call: &syn::ExprCall) {
        let Expr::Path(function) = &*call.func else {
            return;
        };
        let name = function.path.segments.last().map(|last| &last.ident);
        let is_ordered = name.is_some_and(|name| name == "load_seq_cst" || name == "load_latest");
        if let (true, Some(cell)) = (is_ordered, call.args.first()) {
            let cell = self.text_of(cell);
            let new = format!("({cell}).load(crate::sync::Ordering::Acquire)");
            let shown = format!("{} -> Acquire", self.text_of(call));
            self.change(Operator::Lowered, call.span().byte_range(), new, &shown);
        }
    }

    fn condition(&mut self, condition: &Expr) {
        // Another operator negates comparisons, and a condition with a `let` has no opposite.
        let has_opposite = match condition {
            Expr::Binary(binary) => !has_let(condition) && !is_comparison(&binary.op),
            Expr::Let(_) | Expr::Unary(_) => false,
            _ => true,
        };
        if has_opposite {
            let text = self.text_of(condition);
            let (new, shown) = (format!("!({text})"), format!("[!]{text}"));
            self.change(
                Operator::Condition,
                condition.span().byte_range(),
                new,
                &shown,
            );
        }
    }

    fn block(&mut self, statements: &[Stmt]) {
        for statement in statements {
            let operator = match statement {
                Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), Some(_)) => {
                    Operator::Return
                }
                Stmt::Expr(_, Some(_)) if acts(statement) => Operator::Dropped,
                // A value that has a name only so that it lives to the end of its block.
                Stmt::Local(local) if is_unused(&local.pat) => Operator::Dropped,
                _ => continue,
            };
            let shown = self.text_of(statement).to_owned();
            let place = statement.span().byte_range();
            self.change(operator, place, String::new(), &shown);
        }
        for pair in statements.windows(2) {
            let can_move = |statement: &Stmt| match statement {
                Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _) => false,
                Stmt::Expr(expr, semicolon) => {
                    acts(statement) && (semicolon.is_some() || is_block_like(expr))
                }
                Stmt::Local(_) => acts(statement),
                Stmt::Item(_) | Stmt::Macro(_) => false,
            };
            let is_needed = names_of(&pair[0]).any(|name| mentions(&pair[1], &name));
            if !pair.iter().all(can_move) || is_needed || is_tail(&pair[1], statements) {
                continue;
            }
            let (first, second) = (pair[0].span().byte_range(), pair[1].span().byte_range());
            let text = self.text;
            let (one, other) = (&text[first.clone()], &text[second.clone()]);
            let shown = format!("{} <> {}", short(one, 44), short(other, 44));
            let new = [other, &text[first.end..second.start], one].concat();
            self.change(Operator::Swapped, first.start..second.end, new, &shown);
        }
    }
}

impl<'s> Visit<'s> for Finder<'_> {
    fn visit_attribute(&mut self, _: &'s syn::Attribute) {}

    fn visit_item(&mut self, item: &'s syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_left_alone(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'s syn::ItemMod) {
        self.inside(item.ident.to_string(), |finder| {
            visit::visit_item_mod(finder, item);
        });
    }

    fn visit_item_impl(&mut self, item: &'s syn::ItemImpl) {
        let of = item
            .trait_
            .as_ref()
            .and_then(|(_, path, _)| path.segments.last());
        if of.is_some_and(|of| ["Debug", "Display", "Error"].contains(&&*of.ident.to_string())) {
            return;
        }
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.inside(name.unwrap_or_default(), |finder| {
            visit::visit_item_impl(finder, item);
        });
    }

    fn visit_item_trait(&mut self, item: &'s syn::ItemTrait) {
        self.inside(item.ident.to_string(), |finder| {
            visit::visit_item_trait(finder, item);
        });
    }

    fn visit_item_fn(&mut self, item: &'s syn::ItemFn) {
        self.function(&item.sig, &item.block, |finder| {
            finder.inside(item.sig.ident.to_string(), |finder| {
                visit::visit_item_fn(finder, item);
            });
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'s syn::ImplItemFn) {
        if !is_left_alone(&item.attrs) {
            self.function(&item.sig, &item.block, |finder| {
                finder.inside(item.sig.ident.to_string(), |finder| {
                    visit::visit_impl_item_fn(finder, item);
                });
            });
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'s syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body, |finder| {
                visit::visit_trait_item_fn(finder, item);
            });
        }
    }

    fn visit_item_const(&mut self, item: &'s syn::ItemConst) {
        self.inside(item.ident.to_string(), |finder| {
            visit::visit_item_const(finder, item);
        });
    }

    fn visit_block(&mut self, block: &'s syn::Block) {
        self.block(&block.stmts);
        visit::visit_block(self, block);
    }

    fn visit_expr(&mut self, expr: &'s Expr) {
        match expr {
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let operator = if is_boolean(&unary.expr) {
                    Operator::Condition
                } else {
                    Operator::Exchanged
                };
                self.exchange(operator, unary, unary.op.span(), "");
            }
            Expr::MethodCall(call) => self.atomic(call),
            Expr::Call(call) => self.load_in_order(call),
            Expr::If(branch) => self.condition(&branch.cond),
            Expr::While(turn) => self.condition(&turn.cond),
            Expr::Range(range) if range.end.is_some() => {
                let (limits, new) = match &range.limits {
                    RangeLimits::HalfOpen(limits) => (limits.span(), "..="),
                    RangeLimits::Closed(limits) => (limits.span(), ".."),
                };
                self.exchange(Operator::Shifted, range, limits, new);
            }
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_arm(&mut self, arm: &'s syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            self.condition(guard);
        }
        visit::visit_arm(self, arm);
    }
}

enum Access {
    Load,
    Store,
    Both,
}

impl Access {
    fn one_step_below(&self, ordering: &str) -> &'static [&'static str] {
        match (self, ordering) {
            (Self::Load, "SeqCst") => &["Acquire"],
            (Self::Store, "SeqCst") => &["Release"],
            (Self::Both, "SeqCst") => &["AcqRel"],
            (Self::Both, "AcqRel") => &["Acquire", "Release"],
            (_, "Acquire" | "Release") => &["Relaxed"],
            _ => &[],
        }
    }
}

fn ordering(argument: &Expr) -> Option<String> {
    let Expr::Path(path) = argument else {
        return None;
    };
    let name = path.path.segments.last()?.ident.to_string();
    ["SeqCst", "AcqRel", "Acquire", "Release"]
        .contains(&&*name)
        .then_some(name)
}

/// Returns the text on one line, and cut if it is too long for a table.
fn short(text: &str, most: usize) -> String {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most - 2).collect();
    format!("{cut} …")
}

/// Returns whether the attributes mark tests, or code that only the model checker uses.
fn is_left_alone(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return attribute.path().is_ident("test");
        };
        let condition = list.tokens.to_string();
        let holds = |word: &str| {
            let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|found| found == word)
        };
        let is_negative = holds("not") && !holds("test");
        attribute.path().is_ident("cfg") && (holds("test") || holds("loom")) && !is_negative
    })
}

fn is_comparison(op: &BinOp) -> bool {
    use BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_))
}

fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(lit) if matches!(lit.lit, syn::Lit::Int(_)))
}

fn is_one(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(lit) if matches!(&lit.lit, syn::Lit::Int(int) if int.base10_digits() == "1"))
}

fn is_not(expr: &Expr) -> bool {
    matches!(expr, Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)))
}

/// Returns whether the expression is certainly no mask, judged by its form, since types are unknown here.
fn is_boolean(expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(_) | Expr::Call(_) | Expr::Macro(_) => true,
        Expr::Field(field) => !matches!(&field.member, syn::Member::Named(name) if name == "bits"),
        Expr::Paren(paren) => match &*paren.expr {
            Expr::Binary(binary) => {
                is_comparison(&binary.op) || matches!(binary.op, BinOp::And(_) | BinOp::Or(_))
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_block_like(expr: &Expr) -> bool {
    use Expr::{Block, ForLoop, If, Loop, Match, While};
    matches!(
        expr,
        If(_) | Match(_) | ForLoop(_) | While(_) | Loop(_) | Block(_)
    )
}

/// Returns whether the statement is the value of its block.
fn is_tail(statement: &Stmt, of: &[Stmt]) -> bool {
    matches!(statement, Stmt::Expr(_, None))
        && of.last().is_some_and(|last| std::ptr::eq(last, statement))
}

/// Returns the names that a statement binds.
fn names_of(statement: &Stmt) -> impl Iterator<Item = syn::Ident> {
    struct Search(Vec<syn::Ident>);
    impl<'s> Visit<'s> for Search {
        fn visit_pat_ident(&mut self, name: &'s syn::PatIdent) {
            self.0.push(name.ident.clone());
        }
    }
    let mut search = Search(Vec::new());
    if let Stmt::Local(local) = statement {
        search.visit_pat(&local.pat);
    }
    search.0.into_iter()
}

fn mentions(statement: &Stmt, name: &syn::Ident) -> bool {
    struct Search<'n>(&'n syn::Ident, bool);
    impl<'s> Visit<'s> for Search<'_> {
        fn visit_ident(&mut self, ident: &'s syn::Ident) {
            self.1 |= ident == self.0;
        }
    }
    let mut search = Search(name, false);
    search.visit_stmt(statement);
    search.1
}

fn is_unused(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::Wild(_) => true,
        syn::Pat::Ident(name) => name.ident.to_string().starts_with('_'),
        _ => false,
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// Returns whether a statement does something: calls, or changes a value. If neither of two does, their order
/// does not matter.
fn acts(statement: &Stmt) -> bool {
    struct Search(bool);
    impl<'s> Visit<'s> for Search {
        fn visit_expr(&mut self, expr: &'s Expr) {
            self.0 |= match expr {
                // A closure does nothing until it is called.
                Expr::Closure(_) => return,
                Expr::Call(call) => !is_constructor(call) && !is_pure(called(call)),
                Expr::MethodCall(call) => !is_pure(Some(&call.method)),
                Expr::Assign(_) => true,
                Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
                Expr::Binary(binary) => is_assignment(&binary.op),
                _ => false,
            };
            visit::visit_expr(self, expr);
        }
    }
    let mut search = Search(false);
    search.visit_stmt(statement);
    search.0
}

/// The functions and methods of the rooms that only compute, or return where something is.
const PURE: &[&str] = &[
    "addr_of",
    "as_ref",
    "bit_of",
    "bits_within",
    "block_bits",
    "block_words",
    "chunk_of",
    "clone",
    "control",
    "count_ones",
    "default",
    "digit",
    "div_ceil",
    "from",
    "is_empty",
    "iter",
    "last",
    "last_slot",
    "len",
    "max",
    "min",
    "new",
    "node",
    "slot_at",
    "slot_count",
    "slot_of",
    "trailing_zeros",
    "unit",
    "unwrap_or_default",
    "with_capacity",
    "word",
    "word_of",
    "words",
    "words_within",
    "wrapping_add",
    "wrapping_sub",
];

fn is_pure(name: Option<&syn::Ident>) -> bool {
    name.is_some_and(|name| PURE.contains(&&*name.to_string()))
}

fn called(call: &syn::ExprCall) -> Option<&syn::Ident> {
    let Expr::Path(path) = &*call.func else {
        return None;
    };
    path.path.segments.last().map(|last| &last.ident)
}

/// Returns whether the call is `Some(..)`, or another call that begins with a capital letter.
fn is_constructor(call: &syn::ExprCall) -> bool {
    called(call).is_some_and(|name| name.to_string().starts_with(char::is_uppercase))
}

fn is_assignment(op: &BinOp) -> bool {
    use BinOp::{
        AddAssign, BitAndAssign, BitOrAssign, BitXorAssign, DivAssign, MulAssign, RemAssign,
        ShlAssign, ShrAssign, SubAssign,
    };
    matches!(
        op,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}
