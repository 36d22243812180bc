//! All questions, one after the other, each again and again: how long answers take, and what they cost.

use std::time::Instant;

use clickhouse_io::QueryError;
use clickhouse_io::traffic::Searched;
use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use traffic_query::{Insight, Measure};

use super::filters::{of_all, of_connector, of_fortnight, of_month, of_network, of_resource, of_user};
use super::questions::{Place, Questions};
use crate::figure::{Figure, Measured, said};
use crate::process;

/// Who asks, and what goes on meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    /// Behind the names of its figures.
    pub(super) suffix: &'static str,
    pub(super) clients: usize,
}

/// What a question's figures are called, what its 99th percentile may be, and how often it is asked.
struct Asked {
    name: String,
    goal_ms: Option<f64>,
    /// As often as one with a goal, divided by this.
    less_often: usize,
}

impl Asked {
    fn with_goal(name: &str, goal_ms: f64) -> Self {
        Self { name: name.to_owned(), goal_ms: Some(goal_ms), less_often: 1 }
    }

    /// Without a goal.
    fn told<N: Into<String>>(name: N) -> Self {
        Self { name: name.into(), goal_ms: None, less_often: 1 }
    }

    /// So many times less often: the run is long as it is.
    fn less_often(self, less_often: usize) -> Self {
        Self { less_often, ..self }
    }
}

pub(super) struct Bench<'a> {
    pub(super) engine: u32,
    /// How often a question with a goal is asked.
    pub(super) rounds: usize,
    /// Only questions of these names; all where there are none.
    pub(super) only: &'a [String],
    pub(super) measured: &'a mut Measured,
}

impl Bench<'_> {
    pub(super) async fn scene(&mut self, questions: &Questions<'_>, scene: Scene) -> anyhow::Result<()> {
        self.pages(questions, scene).await?;
        self.numbers(questions, scene).await?;
        self.names(questions, scene).await?;
        let ids = &questions.ids;
        let some_id = |random: &mut StdRng| ids[random.random_range(0..ids.len())];
        let of_id = Asked::with_goal("one_connection", 50.0);
        self.ask(scene, of_id, some_id, async |it| questions.connection(it).await).await?;
        self.ask(scene, Asked::with_goal("open_page", 50.0), |_| (), async |()| questions.open().await).await?;
        for insight in Insight::ALL {
            let asked = Asked::told(format!("insight_{}", insight.name())).less_often(10);
            self.ask(scene, asked, |_| (), async |()| questions.insight(*insight).await).await?;
        }
        Ok(())
    }

    /// The newest connections, and those before them.
    async fn pages(&mut self, questions: &Questions<'_>, scene: Scene) -> anyhow::Result<()> {
        let goal = |name| Asked::with_goal(name, 100.0);
        let told = |name: &str| Asked::told(name).less_often(2);
        let ask = async |place| questions.page(place).await;
        self.ask(scene, goal("user_page"), |random| (of_user(random), None), ask).await?;
        self.ask(scene, goal("resource_page"), |random| (of_resource(random), None), ask).await?;
        self.ask(scene, told("connector_page"), |random| (of_connector(random), None), ask).await?;
        let next = |random: &mut StdRng| one_of(&questions.next_of_connector, random);
        self.ask(scene, told("connector_next_page"), next, ask).await?;
        self.ask(scene, told("network_page"), |random| (of_network(random), None), ask).await?;
        let next = |random: &mut StdRng| one_of(&questions.next_of_network, random);
        self.ask(scene, told("network_next_page"), next, ask).await?;
        self.ask(scene, told("all_page"), |random| (of_all(random), None), ask).await?;
        let next = |random: &mut StdRng| one_of(&questions.next_of_all, random);
        self.ask(scene, told("all_next_page"), next, ask).await
    }

    /// Time series, groups with most, and what fields are chosen from.
    async fn numbers(&mut self, questions: &Questions<'_>, scene: Scene) -> anyhow::Result<()> {
        let (counts, exact) = (&[Measure::Connections][..], &[Measure::Connections, Measure::Devices][..]);
        let goal = |name| Asked::with_goal(name, 150.0);
        let told = Asked::told::<&str>;
        self.ask(scene, goal("year_by_day"), |_| (), async |()| questions.by_day().await).await?;
        let by_hour = told("fortnight_by_hour").less_often(2);
        self.ask(scene, by_hour, of_fortnight, async |it| questions.by_hour(it).await).await?;
        self.ask(scene, told("year_durations"), of_network, async |it| questions.durations(it).await).await?;
        self.ask(scene, told("year_addresses"), of_network, async |it| questions.addresses(it).await).await?;
        self.ask(scene, goal("top_10"), of_month, async |it| questions.top(it, counts).await).await?;
        self.ask(scene, told("top_10_raw"), of_month, async |it| questions.top(it, exact).await).await?;
        let facets = told("facets").less_often(5);
        self.ask(scene, facets, of_month, async |it| questions.facets(it).await).await
    }

    /// Names, as somebody types.
    async fn names(&mut self, questions: &Questions<'_>, scene: Scene) -> anyhow::Result<()> {
        for (name, searched, begins, less_often) in [
            ("names_as_typed", Searched::Users, "person", 1),
            ("resources_as_typed", Searched::Resources, "app", 2),
            ("addresses_as_typed", Searched::Addresses, "app", 2),
        ] {
            let typed = |random: &mut StdRng| format!("{begins}{}", random.random_range(1..100));
            let asked = Asked::told(name).less_often(less_often);
            self.ask(scene, asked, typed, async |text| questions.names(searched, text).await).await?;
        }
        Ok(())
    }

    /// Asks again and again, each time with other values; a question that finds nothing is no measurement.
    async fn ask<V>(
        &mut self,
        Scene { suffix, clients }: Scene,
        Asked { name, goal_ms, less_often }: Asked,
        value: impl Fn(&mut StdRng) -> V,
        ask: impl AsyncFn(V) -> Result<usize, QueryError>,
    ) -> anyhow::Result<()> {
        if !self.only.is_empty() && !self.only.contains(&name) {
            return Ok(());
        }
        let cpu = process::cpu_seconds(self.engine)?;
        let (value, ask) = (&value, &ask);
        // Several clients ask twice as often together as one does alone.
        let rounds = self.rounds / less_often;
        let rounds = if clients == 1 { rounds } else { (rounds * 2 / clients).max(1) };
        let asked = (0..clients).map(async |client| {
            let mut random = StdRng::seed_from_u64(11 + client as u64);
            let mut answers = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                let value = value(&mut random);
                let begin = Instant::now();
                let found = ask(value).await?;
                answers.push((begin.elapsed().as_secs_f64() * 1e3, found));
            }
            Ok::<_, QueryError>(answers)
        });
        let answers: Vec<(f64, usize)> = try_join_all(asked).await?.into_iter().flatten().collect();
        let found: usize = answers.iter().map(|(_, found)| found).sum();
        anyhow::ensure!(found > 0, "{name} has found nothing");
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (count, found) = (answers.len() as f64, found as f64);
        let cpu = (process::cpu_seconds(self.engine)? - cpu) * 1e3 / count;
        let mut latencies: Vec<f64> = answers.into_iter().map(|(latency, _)| latency).collect();
        latencies.sort_by(f64::total_cmp);
        let at = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
        let figures = &mut self.measured.figures;
        for percent in [50, 95, 99] {
            let name = format!("{name}_p{percent}_ms{suffix}");
            figures.push(match goal_ms {
                Some(goal_ms) => Figure::new(name, at(percent), "ms", "goal", goal_ms),
                None => Figure::alone(name, at(percent), "ms"),
            });
        }
        figures.push(Figure::alone(format!("{name}_engine_cpu_ms{suffix}"), cpu, "ms"));
        let note =
            format!("{name}{suffix}: asked {count} times, {cpu:.1} ms of the engine's CPU, {:.1} found", found / count);
        said(&format!("{note}; {:.0}, {:.0}, {:.0} ms", at(50), at(95), at(99)));
        self.measured.notes.push(note);
        Ok(())
    }
}

fn one_of(places: &[Place], random: &mut StdRng) -> Place {
    places[random.random_range(0..places.len())].clone()
}
