//! The passage of one job between two stores, while callers, workers and movers go on.
//!
//! These are the rules of the move of a live service, as pure functions. No backend carries out the steps yet that a live
//! move adds to an arrival; `docs/moving.md` says what is there. The tests below explore every order of the steps.
//!
//! Each step is one atomic write in one store, and harmless if it is late or repeated. So movers need neither a lease nor a
//! clock. Moves are numbered, and every turn of the direction counts as a move: odd ones lead from the first store to
//! the second, even ones back.
//!
//! | step | where | what |
//! |---|---|---|
//! | [`depart`] | source | here → left(n). The content stays |
//! | [`arrive`] | target | the content, and a marker with n |
//! | [`forget`] | source | left(n) → gone(n), a tombstone |

/// One of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The store of the service before the first move.
    First,
    /// The other one.
    Second,
}

impl Side {
    /// The other store.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// The store that the move with this number leads to.
    #[must_use]
    pub const fn target_of(number: u64) -> Self {
        if number % 2 == 1 { Self::Second } else { Self::First }
    }
}

/// Where a job is, as one store sees it. `C` is its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place<C> {
    /// The store has no such job.
    Absent,
    /// The job lives here.
    Here(C),
    /// It has left by the move of this number. The content is kept until it is known to have arrived.
    Left(u64, C),
    /// It has arrived elsewhere by the move of this number.
    Gone(u64),
}

/// What one store knows of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known<C> {
    /// Where the job is.
    pub place: Place<C>,
    /// The number of the move by which it arrived here last; 0 if it never did. It outlives the job.
    pub marker: u64,
}

impl<C> Known<C> {
    /// A store that has never heard of the job.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { place: Place::Absent, marker: 0 }
    }
}

/// What a step waits for. Without any one of these a job is lost, doubled or comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A job departs only if no worker holds it.
    NotRunning,
    /// A job departs only by a later move than the one by which it came.
    CameEarlier,
    /// A job arrives only if it has not arrived by this move or a later one.
    NotArrived,
    /// A job is forgotten only by the move by which it left.
    LeftByThisMove,
    /// A job is forgotten only if it has arrived.
    HasArrived,
}

/// Why a step does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// A guard holds it back.
    By(Guard),
    /// There is nothing for the step to act on.
    Nothing,
    /// The job lives in both stores. This does not happen; nobody touches either.
    Fault,
}

/// The source lets the job go.
///
/// # Errors
/// [`Refused`].
pub fn depart<C: Clone>(known: &Known<C>, number: u64, running: bool) -> Result<Known<C>, Refused> {
    depart_with(known, number, running, &|_| true)
}

/// The target takes the job. What it knew of it before (that it was gone, say) is over.
///
/// # Errors
/// [`Refused`].
pub fn arrive<C>(known: &Known<C>, content: C, number: u64) -> Result<Known<C>, Refused> {
    arrive_with(known, content, number, &|_| true)
}

/// The source keeps only that the job was there. `arrived` is the marker that was seen in the target.
///
/// # Errors
/// [`Refused`].
pub fn forget<C: Clone>(known: &Known<C>, number: u64, arrived: u64) -> Result<Known<C>, Refused> {
    forget_with(known, number, arrived, &|_| true)
}

/// The job is deleted or expires where it lives. The marker stays.
///
/// # Errors
/// [`Refused::Nothing`] if it does not live here.
pub fn delete<C>(known: &Known<C>) -> Result<Known<C>, Refused> {
    match known.place {
        Place::Here(_) => Ok(Known { place: Place::Absent, marker: known.marker }),
        _ => Err(Refused::Nothing),
    }
}

fn guarded(guard: Guard, holds: bool, counts: &dyn Fn(Guard) -> bool) -> Result<(), Refused> {
    if holds || !counts(guard) { Ok(()) } else { Err(Refused::By(guard)) }
}

fn depart_with<C: Clone>(
    known: &Known<C>,
    number: u64,
    running: bool,
    counts: &dyn Fn(Guard) -> bool,
) -> Result<Known<C>, Refused> {
    let Place::Here(content) = &known.place else { return Err(Refused::Nothing) };
    guarded(Guard::NotRunning, !running, counts)?;
    guarded(Guard::CameEarlier, known.marker < number, counts)?;
    Ok(Known { place: Place::Left(number, content.clone()), marker: known.marker })
}

fn arrive_with<C>(
    known: &Known<C>,
    content: C,
    number: u64,
    counts: &dyn Fn(Guard) -> bool,
) -> Result<Known<C>, Refused> {
    guarded(Guard::NotArrived, known.marker < number, counts)?;
    match known.place {
        Place::Here(_) => Err(Refused::Fault),
        _ => Ok(Known { place: Place::Here(content), marker: number }),
    }
}

fn forget_with<C: Clone>(
    known: &Known<C>,
    number: u64,
    arrived: u64,
    counts: &dyn Fn(Guard) -> bool,
) -> Result<Known<C>, Refused> {
    let Place::Left(left, _) = known.place else { return Err(Refused::Nothing) };
    guarded(Guard::LeftByThisMove, left == number, counts)?;
    guarded(Guard::HasArrived, arrived >= number, counts)?;
    Ok(Known { place: Place::Gone(left), marker: known.marker })
}

/// Which store decides about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// This one: the job lives there.
    At(Side),
    /// The job has left this store by this move and not arrived. Whoever meets it makes it arrive.
    Between(Side, u64),
    /// None: the job was never made, was deleted, or has expired.
    NoJob,
    /// The job lives in both. This does not happen.
    Fault,
}

/// Which store decides, from what both know at the same moment.
#[must_use]
pub fn truth<C>(first: &Known<C>, second: &Known<C>) -> Truth {
    match (&first.place, &second.place) {
        (Place::Here(_), Place::Here(_)) => Truth::Fault,
        (Place::Left(number, _), _) if second.marker < *number => Truth::Between(Side::First, *number),
        (_, Place::Left(number, _)) if first.marker < *number => Truth::Between(Side::Second, *number),
        (Place::Here(_), _) => Truth::At(Side::First),
        (_, Place::Here(_)) => Truth::At(Side::Second),
        _ => Truth::NoJob,
    }
}

/// A reader of a job, who sees one store at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader {
    /// The store to look at next.
    pub side: Side,
    /// The number by which the other store let the job go; 0 if it has not said so.
    pub sent_by: u64,
    /// Whether the other store has no such job.
    pub absent_there: bool,
}

/// What a reader does after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// The job lives in this store.
    Found(Side),
    /// There is no such job.
    NoJob,
    /// Look again.
    Look(Reader),
    /// Make the job arrive that has left this store by this move, then look again.
    Bring(Side, u64, Reader),
}

impl Reader {
    /// Begins with the store that the move with this number leads to. The number may be an old one.
    #[must_use]
    pub const fn begin(number: u64) -> Self {
        Self { side: Side::target_of(number), sent_by: 0, absent_there: false }
    }

    /// What to do after a look at [`Reader::side`].
    #[must_use]
    pub fn after<C>(self, seen: &Known<C>) -> Next {
        let across = |sent_by| Self { side: self.side.other(), sent_by, absent_there: false };
        match seen.place {
            Place::Here(_) => Next::Found(self.side),
            Place::Left(number, _) => Next::Bring(self.side, number, across(number)),
            Place::Gone(number) => Next::Look(across(number)),
            // It had come here and was deleted, or neither store has it.
            Place::Absent if self.sent_by > 0 || self.absent_there => Next::NoJob,
            Place::Absent => Next::Look(Self { absent_there: true, ..across(0) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use stateright::{Checker, HasDiscoveries, Model, Property};

    use super::*;

    /// Numbers of moves that are explored: there, back, and there again.
    const MOVES: u64 = 3;
    /// The properties that say what happens in the end, not what never happens.
    const REACHED: &[&str] = &["it goes there, back, and there again", "both stores let it go"];

    /// Changes of the job that are explored.
    const CHANGES: u8 = 3;

    /// The job: how often it was changed, and whether a worker holds it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Content {
        version: u8,
        running: bool,
    }

    /// A write that somebody has prepared. It may be carried out at any later time, any number of times, or never.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    enum Write {
        Depart(Side, u64),
        Arrive(u64, Content),
        /// With the marker that was seen.
        Forget(u64, u64),
        /// A change by its fence: the store, and the content that it must have.
        Change(Side, Content),
        Delete(Side),
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    enum Action {
        /// The operator starts the next move.
        Turn,
        /// A mover sees a job here that is to depart.
        SeeHere(Side),
        /// Somebody sees a job that has left.
        SeeLeft(Side),
        /// A mover sees that it has arrived.
        SeeArrived(Side),
        /// A caller or a worker reads the job, to change or delete it.
        SeeJob(Side),
        CarryOut(Write),
        BeginRead(u64),
        GoOnReading,
    }

    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct State {
        stores: [Known<Content>; 2],
        moves: u64,
        prepared: BTreeSet<Write>,
        /// The version that was acknowledged last; `None` after a deletion.
        acknowledged: Option<u8>,
        /// The reader, and whether the job was there all the time since it began.
        reading: Option<(Reader, bool)>,
        /// What went wrong, if anything did.
        wrong: Option<&'static str>,
        /// How often the job arrived by each move.
        arrivals: [u8; MOVES as usize + 1],
    }

    impl State {
        fn at(&self, side: Side) -> &Known<Content> {
            &self.stores[usize::from(side == Side::Second)]
        }

        fn set(&mut self, side: Side, known: Known<Content>) {
            self.stores[usize::from(side == Side::Second)] = known;
        }

        fn truth(&self) -> Truth {
            truth(self.at(Side::First), self.at(Side::Second))
        }

        /// The job as a reader of both stores at once would have it.
        fn version(&self) -> Option<u8> {
            match self.truth() {
                Truth::At(side) | Truth::Between(side, _) => match self.at(side).place {
                    Place::Here(content) | Place::Left(_, content) => Some(content.version),
                    _ => None,
                },
                Truth::NoJob | Truth::Fault => None,
            }
        }
    }

    /// The protocol, with one guard taken out, or none; and perhaps without markers that outlive a job.
    #[derive(Clone, Copy)]
    struct Passage {
        without: Option<Guard>,
        markers_outlive: bool,
    }

    impl Passage {
        const WHOLE: Self = Self { without: None, markers_outlive: true };

        fn carry_out(self, state: &mut State, write: Write) {
            let counts = |guard| self.without != Some(guard);
            match write {
                Write::Depart(side, number) => {
                    let known = *state.at(side);
                    let running = matches!(known.place, Place::Here(Content { running: true, .. }));
                    if let Ok(next) = depart_with(&known, number, running, &counts) {
                        state.set(side, next);
                        if running {
                            state.wrong = Some("a job left its worker");
                        }
                    }
                }
                Write::Arrive(number, content) => {
                    let side = Side::target_of(number);
                    match arrive_with(state.at(side), content, number, &counts) {
                        Ok(next) => {
                            state.set(side, next);
                            let arrivals = &mut state.arrivals[number as usize];
                            *arrivals = arrivals.saturating_add(1).min(2);
                        }
                        Err(Refused::Fault) => state.wrong = Some("it arrived where it lives"),
                        Err(_) => {}
                    }
                }
                Write::Forget(number, arrived) => {
                    let side = Side::target_of(number).other();
                    if let Ok(next) = forget_with(state.at(side), number, arrived, &counts) {
                        state.set(side, next);
                    }
                }
                Write::Change(side, expected) => {
                    if state.at(side).place == Place::Here(expected) && expected.version < CHANGES {
                        // To claim, to finish, to claim again.
                        let content = Content { version: expected.version + 1, running: !expected.running };
                        state.set(side, Known { place: Place::Here(content), marker: state.at(side).marker });
                        state.acknowledged = Some(content.version);
                    }
                }
                Write::Delete(side) => {
                    if let Ok(next) = delete(state.at(side)) {
                        let marker = if self.markers_outlive { next.marker } else { 0 };
                        state.set(side, Known { marker, ..next });
                        state.acknowledged = None;
                        if let Some((_, there)) = &mut state.reading {
                            *there = false;
                        }
                    }
                }
            }
        }

        fn read(self, state: &mut State) {
            let Some((reader, there)) = state.reading else { return };
            state.reading = match reader.after(state.at(reader.side)) {
                Next::Found(_) => None,
                Next::NoJob => {
                    if there {
                        state.wrong = Some("a reader was told that there is no job");
                    }
                    None
                }
                Next::Look(next) => Some((next, there)),
                Next::Bring(side, number, next) => {
                    if let Place::Left(left, content) = state.at(side).place
                        && left == number
                    {
                        self.carry_out(state, Write::Arrive(number, Content { running: false, ..content }));
                    }
                    Some((next, there))
                }
            };
        }
    }

    impl Model for Passage {
        type State = State;
        type Action = Action;

        fn init_states(&self) -> Vec<State> {
            let here = Place::Here(Content { version: 0, running: false });
            [Side::First, Side::Second]
                .into_iter()
                .map(|side| {
                    let mut state = State {
                        stores: [Known::nothing(), Known::nothing()],
                        // A job that is made in the second store is made while the first move runs.
                        moves: u64::from(side == Side::Second),
                        prepared: BTreeSet::new(),
                        acknowledged: Some(0),
                        reading: None,
                        wrong: None,
                        arrivals: [0; MOVES as usize + 1],
                    };
                    state.set(side, Known { place: here, marker: 0 });
                    state
                })
                .collect()
        }

        fn actions(&self, state: &State, actions: &mut Vec<Action>) {
            if state.wrong.is_some() {
                return; // Nothing more is to be learnt.
            }
            if state.moves < MOVES {
                actions.push(Action::Turn);
            }
            for side in [Side::First, Side::Second] {
                actions.extend([Action::SeeHere(side), Action::SeeLeft(side)]);
                actions.extend([Action::SeeArrived(side), Action::SeeJob(side)]);
            }
            actions.extend(state.prepared.iter().copied().map(Action::CarryOut));
            match state.reading {
                None => actions.extend([Action::BeginRead(state.moves), Action::BeginRead(state.moves + 1)]),
                Some(_) => actions.push(Action::GoOnReading),
            }
        }

        fn next_state(&self, state: &State, action: Action) -> Option<State> {
            let mut next = state.clone();
            match action {
                Action::Turn => next.moves += 1,
                Action::SeeHere(side) => {
                    // Movers may have an old number.
                    let numbers = 1..=state.moves;
                    let leading = numbers.filter(|number| Side::target_of(*number) == side.other());
                    if matches!(state.at(side).place, Place::Here(_)) {
                        next.prepared.extend(leading.map(|number| Write::Depart(side, number)));
                    }
                }
                Action::SeeLeft(side) => {
                    if let Place::Left(number, content) = state.at(side).place {
                        let content = Content { running: false, ..content };
                        next.prepared.insert(Write::Arrive(number, content));
                    }
                }
                Action::SeeArrived(side) => {
                    if let Place::Left(number, _) = state.at(side).place {
                        next.prepared.insert(Write::Forget(number, state.at(side.other()).marker));
                    }
                }
                Action::SeeJob(side) => {
                    if let Place::Here(content) = state.at(side).place {
                        next.prepared.insert(Write::Change(side, content));
                        next.prepared.insert(Write::Delete(side));
                    }
                }
                Action::CarryOut(write) => self.carry_out(&mut next, write),
                Action::BeginRead(number) => {
                    next.reading = Some((Reader::begin(number), state.acknowledged.is_some()));
                }
                Action::GoOnReading => self.read(&mut next),
            }
            (next != *state).then_some(next)
        }

        fn properties(&self) -> Vec<Property<Self>> {
            vec![
                Property::always("nothing goes wrong", |_, state: &State| state.wrong.is_none()),
                Property::always("it lives in one store", |_, state: &State| state.truth() != Truth::Fault),
                Property::always(
                    "what was acknowledged is there, and what was deleted is not",
                    |_, state: &State| state.version() == state.acknowledged,
                ),
                Property::always("it arrives once by each move", |_, state: &State| {
                    state.arrivals.iter().all(|arrivals| *arrivals <= 1)
                }),
                Property::sometimes("it goes there, back, and there again", |_, state: &State| {
                    state.arrivals[1..].iter().all(|arrivals| *arrivals == 1)
                }),
                Property::sometimes("both stores let it go", |_, state: &State| {
                    state.stores.iter().all(|known| known.place == Place::Absent)
                }),
            ]
        }
    }

    #[test]
    fn whatever_happens_a_job_is_neither_lost_nor_doubled() {
        let checker = Passage::WHOLE.checker().threads(2).spawn_bfs().join();
        checker.assert_properties();
        println!("{} states", checker.unique_state_count());
    }

    #[test]
    fn each_guard_is_needed() {
        use Guard::{CameEarlier, HasArrived, LeftByThisMove, NotArrived, NotRunning};
        for guard in [NotRunning, CameEarlier, NotArrived, LeftByThisMove, HasArrived] {
            let without = Passage { without: Some(guard), ..Passage::WHOLE };
            let checker = without.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
            let found = checker.discoveries();
            let failed: Vec<_> = found.keys().filter(|name| !REACHED.contains(*name)).collect();
            assert!(!failed.is_empty(), "nothing fails without {guard:?}");
        }
        let forgetful = Passage { markers_outlive: false, ..Passage::WHOLE };
        let found =
            forgetful.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join().discoveries();
        assert!(found.contains_key("what was acknowledged is there, and what was deleted is not"));
    }
}
