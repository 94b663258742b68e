#[chaos_test]
async fn generic<T: Fixture>(fixture: T) {}

#[chaos_test]
async fn lifetime<'a>(cx: Chaos) -> Result<(), &'a str> { Ok(()) }

#[chaos_test]
async fn bounded(cx: Chaos) where Chaos: Clone {}

#[chaos_test]
const fn constant(cx: Chaos) {}

#[chaos_test]
async unsafe fn not_safe(cx: Chaos) {}

#[chaos_test]
extern "C" fn foreign(cx: Chaos) {}

#[chaos_test]
async fn method(&self, cx: Chaos) {}

#[chaos_test]
async fn anything(cx: impl Fixture, more: Vec<impl Fixture>) {}

#[chaos_test]
async fn borrowed(cx: &Chaos, pool: &'static mut Pool<Vec<u8>>) {}

#[chaos_test]
struct Account { balance: i64 }

#[chaos_test(retires = 3)]
mod tests {}

#[chaos_test]
const BALANCE: i64 = 7;
