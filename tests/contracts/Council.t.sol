// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {AnchorRegistry} from "../../contracts/AnchorRegistry.sol";
import {DepartmentRegistry} from "../../contracts/DepartmentRegistry.sol";
import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {IDepartmentRegistry, Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice The council's acts with a delay: announced, due, in time, once.
contract CouncilTest is Fixture {
    uint64 private constant DELAY = 2 days;
    uint64 private constant GRACE = 30 days;
    bytes20 private constant NEW = "11110000000000006F";

    bytes private _act;
    bytes32 private _hash;

    function setUp() public override {
        vm.roll(1_000);
        vm.warp(1_800_000_000);
        _deploy(DELAY);
        _act = abi.encodeCall(
            IDepartmentRegistry.admit, (NONE, NEW, SORT, "Bureau", _kinds(KIND), provinceAdmin)
        );
        _hash = keccak256(_act);
    }

    function test_anAnnouncedActIsCarriedOutWhenDue() public {
        uint64 eta = _schedule();
        vm.assertEq(eta, block.timestamp + DELAY, "eta");
        vm.warp(eta);
        _carryOut();
        vm.assertEq(departments.departmentOf(NEW).admittedAt, block.number, "admitted");
        vm.assertEq(departments.etaOf(_hash), 0, "announcement used up");
    }

    function test_theLastMomentServesAndTheNextDoesNot() public {
        uint64 eta = _schedule();
        vm.warp(eta + GRACE + 1);
        _expectActError(ICouncilDelayed.ActExpired.selector, eta);
        _carryOut();
        vm.warp(eta + GRACE);
        _carryOut();
    }

    function test_anActMustBeAnnounced() public {
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.ActNotScheduled.selector, _hash));
        _carryOut();
    }

    function test_anActMustWait() public {
        uint64 eta = _schedule();
        vm.warp(eta - 1);
        _expectActError(ICouncilDelayed.ActTooEarly.selector, eta);
        _carryOut();
    }

    function test_anAnnouncementServesOnce() public {
        bytes memory act = abi.encodeCall(IDepartmentRegistry.proposeCouncil, (outsider));
        vm.prank(council);
        departments.schedule(act);
        vm.warp(block.timestamp + DELAY);
        vm.prank(council);
        departments.proposeCouncil(outsider);
        vm.expectRevert(
            abi.encodeWithSelector(ICouncilDelayed.ActNotScheduled.selector, keccak256(act))
        );
        vm.prank(council);
        departments.proposeCouncil(outsider);
    }

    function test_onlyTheVeryCallThatWasAnnouncedServes() public {
        vm.warp(_schedule());
        bytes memory other = abi.encodeCall(
            IDepartmentRegistry.admit, (NONE, NEW, SORT, "Bureau", _kinds(KIND), outsider)
        );
        vm.expectRevert(
            abi.encodeWithSelector(ICouncilDelayed.ActNotScheduled.selector, keccak256(other))
        );
        vm.prank(council);
        departments.admit(NONE, NEW, SORT, "Bureau", _kinds(KIND), outsider);
    }

    function test_trailingBytesMakeAnotherAct() public {
        vm.warp(_schedule());
        vm.prank(council);
        (bool done,) = address(departments).call(bytes.concat(_act, hex"00"));
        vm.assertFalse(done, "carried out");
    }

    function test_aCancelledActIsGone() public {
        uint64 eta = _schedule();
        vm.prank(council);
        departments.cancel(_hash);
        vm.warp(eta);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.ActNotScheduled.selector, _hash));
        _carryOut();
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.ActNotScheduled.selector, _hash));
        vm.prank(council);
        departments.cancel(_hash);
    }

    function test_anActIsAnnouncedOnceUnlessItExpired() public {
        uint64 eta = _schedule();
        vm.warp(eta + GRACE);
        _expectActError(ICouncilDelayed.ActAlreadyScheduled.selector, eta);
        _schedule();
        vm.warp(eta + GRACE + 1);
        vm.assertEq(_schedule(), block.timestamp + DELAY, "announced anew");
    }

    function testFuzz_onlyTheCouncilActs(address caller) public {
        vm.assume(caller != council);
        vm.warp(_schedule());
        bytes memory refusal =
            abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        departments.schedule(_act);
        vm.expectRevert(refusal);
        departments.cancel(_hash);
        vm.expectRevert(refusal);
        departments.admit(NONE, NEW, SORT, "Bureau", _kinds(KIND), provinceAdmin);
        vm.expectRevert(refusal);
        departments.proposeCouncil(caller);
        vm.expectRevert(refusal);
        departments.close(caller);
        vm.expectRevert(refusal);
        anchors.close(caller);
        vm.expectRevert(refusal);
        status.revokeDigest(NONE, NEW, KEY);
        vm.stopPrank();
    }

    function testFuzz_anActIsCarriedOutOnlyInItsTime(uint64 wait) public {
        wait = uint64(_bounded(wait, 2 * (DELAY + GRACE)));
        uint64 eta = _schedule();
        vm.warp(block.timestamp + wait);
        vm.prank(council);
        (bool done,) = address(departments).call(_act);
        vm.assertTrue(done == (wait >= DELAY && block.timestamp <= eta + GRACE), "in its time");
    }

    function test_suspensionDoesNotWait() public {
        vm.warp(_schedule());
        _carryOut();
        vm.prank(council);
        departments.suspend(NONE, NEW);
        vm.assertEq(departments.departmentOf(NEW).suspendedSince, block.number, "suspended");
        vm.expectRevert(
            abi.encodeWithSelector(
                ICouncilDelayed.ActNotScheduled.selector,
                keccak256(abi.encodeCall(IDepartmentRegistry.lift, (NONE, NEW)))
            )
        );
        vm.prank(council);
        departments.lift(NONE, NEW);
    }

    function test_theOtherRegistriesShareCouncilAndDelay() public view {
        vm.assertEq(anchors.delay(), DELAY, "delay of the anchors");
        vm.assertEq(status.delay(), DELAY, "delay of the statuses");
        vm.assertEq(anchors.council(), council, "council of the anchors");
        vm.assertEq(status.council(), council, "council of the statuses");
    }

    function test_withoutDelayThereIsNothingToAnnounce() public {
        _deploy(0);
        _refuse(ICouncilDelayed.DelayIsZero.selector);
        vm.prank(council);
        departments.schedule(_act);
        _carryOut();
    }

    function test_theDelayIsBounded() public {
        vm.expectRevert(
            abi.encodeWithSelector(ICouncilDelayed.DelayTooLong.selector, uint64(30 days + 1))
        );
        new DepartmentRegistry(council, 30 days + 1);
        new DepartmentRegistry(council, 30 days);
    }

    function test_thereMustBeACouncil() public {
        _refuse(ICouncilDelayed.ZeroAccount.selector);
        new DepartmentRegistry(address(0), 0);
    }

    function test_theCouncilChangesInTwoSteps() public {
        _deploy(0);
        vm.prank(council);
        departments.proposeCouncil(outsider);
        vm.assertEq(departments.council(), council, "still the old one");
        vm.assertEq(departments.proposedCouncil(), outsider, "proposed");
        vm.prank(outsider);
        departments.acceptCouncil();
        vm.assertEq(departments.council(), outsider, "the new one");
        vm.assertEq(anchors.council(), outsider, "there too");
        vm.assertEq(departments.proposedCouncil(), address(0), "nobody proposed");
        _expectNotCouncil(council);
        vm.prank(council);
        departments.proposeCouncil(council);
    }

    function testFuzz_onlyTheProposedOneAccepts(address caller) public {
        vm.assume(caller != outsider);
        _deploy(0);
        vm.prank(council);
        departments.proposeCouncil(outsider);
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.NotProposedCouncil.selector, caller)
        );
        vm.prank(caller);
        departments.acceptCouncil();
    }

    function test_nobodyAcceptsWhatWasNotProposed() public {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.NotProposedCouncil.selector, outsider)
        );
        vm.prank(outsider);
        departments.acceptCouncil();
        _deploy(0);
        _refuse(ICouncilDelayed.ZeroAccount.selector);
        vm.prank(council);
        departments.proposeCouncil(address(0));
    }

    function _schedule() private returns (uint64) {
        vm.prank(council);
        departments.schedule(_act);
        return departments.etaOf(_hash);
    }

    function _carryOut() private {
        vm.prank(council);
        departments.admit(NONE, NEW, SORT, "Bureau", _kinds(KIND), provinceAdmin);
    }

    function _expectActError(bytes4 selector, uint64 eta) private {
        vm.expectRevert(abi.encodeWithSelector(selector, _hash, eta));
    }

    function _expectNotCouncil(address account) private {
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, account));
    }
}
