//! Cameras of the GenICam family, with the one that Aravis pretends to be.

#[cfg(test)]
#[cfg(feature = "opencv")]
mod tests {
    use std::io::Write as _;
    use std::net::UdpSocket;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::time::Duration;

    use aravis::prelude::*;
    use aravis::{Camera, GvFakeCamera};
    use sortline_capture::{Clock, Frame, Source};

    const PATIENCE: Duration = Duration::from_secs(5);
    const NAME: &str = "gige://Aravis-Fake-SL01";

    /// The fake camera takes the one port that the standard has.
    static PORT: Mutex<()> = Mutex::new(());

    /// Half a second goes by between two looks, which is how long a look waits for a frame.
    fn monotonic() -> Duration {
        static HALVES: AtomicU64 = AtomicU64::new(0);
        Duration::from_millis(500 * HALVES.fetch_add(1, Ordering::Relaxed))
    }

    fn source(name: &str, deadline: Duration) -> Source {
        let clock = Clock {
            monotonic,
            thread_cpu: monotonic,
        };
        Source::open(name, deadline, clock).unwrap()
    }

    /// A camera on the loopback device; `None`, with a word, where its port is somebody else's.
    fn fake() -> Option<(MutexGuard<'static, ()>, GvFakeCamera)> {
        let turn = PORT.lock().unwrap_or_else(PoisonError::into_inner);
        if UdpSocket::bind("127.0.0.1:3956").is_err() {
            let why = "skipped: port 3956, where GigE Vision cameras are asked, is taken";
            writeln!(std::io::stdout(), "{why}").unwrap();
            return None;
        }
        let fake = GvFakeCamera::new(Some("lo"), Some("SL01"));
        assert!(fake.is_running());
        Some((turn, fake))
    }

    /// The first whole frame: beside other work the first ones may come with holes.
    fn whole(source: &mut Source) -> Frame {
        (0..40).find_map(|_| source.next().unwrap().ok()).unwrap()
    }

    #[test]
    fn frames_come_with_the_time_of_their_exposure() {
        let Some((_turn, _fake)) = fake() else { return };
        let mut source = source(NAME, PATIENCE);
        assert_eq!(source.waiting(), None);
        let frames: Vec<_> = (0..5).map(|_| whole(&mut source)).collect();
        for (pair, index) in frames.windows(2).zip(0..) {
            let [before, after] = pair else { panic!() };
            assert_eq!((before.index, after.index), (index, index + 1));
            assert!(before.exposed.unwrap() < after.exposed.unwrap());
            assert!(before.counter != after.counter);
            assert_eq!((before.pixels.width(), before.pixels.height()), (512, 512));
            // What it shows moves.
            assert_ne!(before.pixels, after.pixels);
            assert!(before.trigger.is_none());
        }
    }

    #[test]
    fn a_camera_that_goes_and_comes_is_opened_again() {
        let Some((turn, first)) = fake() else { return };
        let mut source = source(NAME, PATIENCE);
        whole(&mut source);
        drop(first);
        drop(turn);
        let lost = (0..20).find_map(|_| source.next().unwrap().err()).unwrap();
        assert!(lost.error.to_string().contains("stalled"), "{lost:?}");
        let Some((_turn, _second)) = fake() else {
            return;
        };
        whole(&mut source);
    }

    #[test]
    fn a_frame_with_holes_is_none() {
        let Some((_turn, fake)) = fake() else { return };
        let mut source = source(NAME, PATIENCE);
        whole(&mut source);
        fake.set_gvsp_lost_ratio(0.5);
        let broken = (0..40).find_map(|_| source.next().unwrap().err()).unwrap();
        let text = broken.error.to_string();
        assert!(
            text.contains("incomplete") || text.contains("stalled"),
            "{text}"
        );
        fake.set_gvsp_lost_ratio(0.0);
        whole(&mut source);
    }

    #[test]
    fn a_camera_of_another_program_and_none_at_all_are_stalls() {
        let Some((_turn, _fake)) = fake() else { return };
        let holder = Camera::new(Some("Aravis-Fake-SL01")).unwrap();
        holder.start_acquisition().unwrap();
        for name in [NAME, "gige://no such camera"] {
            let missed = source(name, PATIENCE).next().unwrap().unwrap_err();
            assert!(missed.error.to_string().contains("stalled"), "{missed:?}");
            assert!(!missed.error.answered());
        }
    }
}
