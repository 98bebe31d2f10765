/// Who may do what, and where it leads, written by hand from the rules of the domain and not from the code.
///
/// R the requester, A an agent of the team, O the owner (an agent), B the owner (a supervisor), S another
/// supervisor, AI an AI agent of the queue, AIO the owner (an AI agent), AI2 an AI agent beside an AI owner,
/// SYS the system, IN a channel with a third party's message, E a channel with the answer of the external
/// party that the case waits for. "staff" is A O B S AI AIO AI2. `R=` stays, `R>open` moves.
/// What is not here is refused; so is everything by other requesters, agents of other teams, AI agents of
/// other queues, reviewers and admins.
enum GoldenPage {
    static let moves = """
        new
          assign              S>assigned SYS>assigned
          assign-to-me        A>open S>open AI>open
          escalate            S>escalated AI>escalated
          escalate-by-rule    SYS>escalated
          propose-solution    AI>escalated
          transfer-to-queue   A>new S>new
          reassign            S>assigned
          close               R>closed A>closed S>closed
          delete              A>deleted S>deleted
          comment             R= A= S= AI= IN=
          automatic-reply     R= IN=
          update              R= staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        escalated
          assign              S>assigned SYS>assigned
          assign-to-me        A>open S>open
          transfer-to-queue   A>new S>new
          reassign            S>assigned
          close               R>closed A>closed S>closed
          delete              S>deleted
          comment             R= A= S= IN=
          automatic-reply     R= IN=
          update              R= staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        assigned
          accept              O>open B>open
          decline             O>new B>new SYS>new
          escalate            O>escalated B>escalated S>escalated AIO>escalated
          escalate-by-rule    SYS>escalated
          propose-solution    AI= AIO>escalated
          transfer-to-queue   O>new B>new S>new
          transfer-to-agent   O>assigned B>assigned S>assigned
          reassign            B>assigned S>assigned
          release             SYS>new
          close               R>closed O>closed B>closed S>closed
          delete              O>deleted B>deleted S>deleted
          comment             R= O>open B>open S= AI= AIO= IN=
          automatic-reply     R= IN=
          update              R= staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        open
          escalate            O>escalated B>escalated S>escalated AIO>escalated
          escalate-by-rule    SYS>escalated
          park                O>parked B>parked S>parked
          request-info        O>pending B>pending S>pending AIO>pending
          wait-for-external   O>pending B>pending S>pending
          propose-solution    O>resolved B>resolved S>resolved AI= AIO>escalated
          transfer-to-queue   O>new B>new S>new
          transfer-to-agent   O>assigned B>assigned S>assigned
          reassign            B>assigned S>assigned
          release             SYS>new
          close               R>closed O>closed B>closed S>closed
          delete              O>deleted B>deleted S>deleted
          comment             R= O= B= S= AI= AIO= IN=
          automatic-reply     R= IN=
          update              R= staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        parked
          escalate            O>escalated B>escalated S>escalated AIO>escalated
          escalate-by-rule    SYS>escalated
          request-info        O>pending B>pending S>pending AIO>pending
          wait-for-external   O>pending B>pending S>pending
          resume              O>open B>open S>open SYS>open
          propose-solution    O>resolved B>resolved S>resolved AI= AIO>escalated
          transfer-to-queue   O>new B>new S>new
          transfer-to-agent   O>assigned B>assigned S>assigned
          reassign            B>assigned S>assigned
          release             SYS>new
          close               R>closed O>closed B>closed S>closed
          delete              B>deleted S>deleted
          comment             R>open O= B= S= AI= AIO= IN=
          automatic-reply     R= IN=
          update              R>open staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        pending
          escalate            O>escalated B>escalated S>escalated AIO>escalated
          escalate-by-rule    SYS>escalated
          park                O>parked B>parked S>parked
          resume              O>open B>open S>open AIO>open
          propose-solution    O>resolved B>resolved S>resolved AI= AIO>escalated
          transfer-to-queue   O>new B>new S>new
          transfer-to-agent   O>assigned B>assigned S>assigned
          reassign            B>assigned S>assigned
          release             SYS>new
          close               R>closed O>closed B>closed S>closed
          delete              O>deleted B>deleted S>deleted
          comment             R>open O= B= S= AI= AIO= IN= E>open
          automatic-reply     R= IN= E=
          update              R>open staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        resolved
          accept-solution     R>closed
          reject-solution     R>open
          reopen              A>open O>open B>open S>open
          close-by-timer      SYS>closed
          delete              R>deleted
          comment             R>open O= B= S= AI= AIO= IN=
          automatic-reply     R= IN=
          update              R= staff=
          note                staff=
          add-tag             staff=
          remove-tag          staff=
          link                staff=
          attach-interaction  staff=

        closed
          archive             SYS>archived
          submit-survey       R=
          link                SYS= IN=
          delete              B>deleted S>deleted

        archived
          submit-survey       R=
          link                SYS= IN=
          delete              B>deleted S>deleted

        deleted
        """

    /// What differs where the owner was removed from the directory.
    static let movesWithOwnerGone = """
        assigned
          accept              O>new B>new
          comment             R= O>new B>new S= AI= AIO= IN=

        parked
          resume              O>new B>new S>new SYS>new
          comment             R>new O= B= S= AI= AIO= IN=
          update              R>new staff=

        pending
          resume              O>new B>new S>new AIO>new
          comment             R>new O= B= S= AI= AIO= IN= E>new
          update              R>new staff=

        resolved
          reject-solution     R>new
          reopen              A>open O>new B>new S>new
          comment             R>new O= B= S= AI= AIO= IN=
        """

    /// What differs where the queue says that an owner's public comment waits for the customer.
    static let movesWhereCommentPends = """
        open
          comment             R= O>pending B>pending S= AI= AIO= IN=
        """

    /// Who may make a case, and where it stands then.
    static let creations = """
        create           requester>new agent>new supervisor>new ai-agent>new intake>new
        create-as-owner  agent>open supervisor>open ai-agent>open
        """
}
