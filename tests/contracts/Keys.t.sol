// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {
    IDepartmentRegistry,
    KeyRecord,
    Role
} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Histories} from "../../contracts/lib/History.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

contract KeysTest is Fixture {
    uint64 private _registered;

    function setUp() public override {
        super.setUp();
        _registered = uint64(block.number);
        vm.prank(cityAdmin);
        departments.registerKey(CITY, KEY, 1, X, Y);
        _mine();
    }

    function test_aKeyIsStoredWhole() public view {
        KeyRecord memory key = departments.keyOf(CITY, KEY);
        vm.assertEq(key.suite, 1, "suite");
        vm.assertEq(key.x, X, "x");
        vm.assertEq(key.y, Y, "y");
        vm.assertEq(key.compromisedSince, 0, "compromised since");
        _assertInterval(key.intervals[0], _registered, 0);
        vm.assertEq(departments.keyOf(COUNTY, KEY).suite, 0, "another department's");
    }

    function test_theEventTellsTheKey() public {
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.KeyRegistered(COUNTY, KEY, 2, X, 0);
        vm.prank(countyAdmin);
        departments.registerKey(COUNTY, KEY, 2, X, 0);
    }

    function testFuzz_onlyTheOwnAdminRegisters(address caller) public {
        vm.assume(caller != cityAdmin);
        _refuseUnauthorised(CITY, Role.Admin, caller);
        vm.prank(caller);
        departments.registerKey(CITY, Y, 1, X, Y);
    }

    function test_notEvenAnAncestorRegisters() public {
        _refuseUnauthorised(CITY, Role.Admin, provinceAdmin);
        vm.prank(provinceAdmin);
        departments.registerKey(CITY, Y, 1, X, Y);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, NONE);
        vm.prank(council);
        departments.registerKey(NONE, Y, 1, X, Y);
    }

    function test_aSuspendedDepartmentRegistersNothing() public {
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(cityAdmin);
        departments.registerKey(CITY, Y, 1, X, Y);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(countyAdmin);
        departments.registerKey(COUNTY, Y, 1, X, Y);
    }

    function test_suitesHaveTheirForms() public {
        vm.startPrank(cityAdmin);
        departments.registerKey(CITY, "sm2", 3, X, Y);
        departments.registerKey(CITY, "ed25519", 2, X, 0);
        _refuseSuite(0);
        departments.registerKey(CITY, "a", 0, X, Y);
        _refuseSuite(4);
        departments.registerKey(CITY, "a", 4, X, Y);
        _refuse(IDepartmentRegistry.ZeroKey.selector);
        departments.registerKey(CITY, 0, 1, X, Y);
        _refuseKey();
        departments.registerKey(CITY, "a", 1, X, 0);
        _refuseKey();
        departments.registerKey(CITY, "a", 2, X, Y);
        _refuseKey();
        departments.registerKey(CITY, "a", 3, X, 0);
        _refuseKey();
        departments.registerKey(CITY, "a", 2, 0, 0);
        vm.stopPrank();
    }

    function testFuzz_aKeysDataNeverChange(uint8 suite, bytes32 x, bytes32 y) public {
        suite = uint8(1 + _bounded(suite, 3));
        vm.assume(x != 0 && (suite == 2) == (y == 0));
        vm.assume(suite != 1 || x != X || y != Y);
        vm.startPrank(cityAdmin);
        departments.withdrawKey(CITY, CITY, KEY);
        _mine();
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.KeyDataDiffer.selector, CITY, KEY)
        );
        departments.registerKey(CITY, KEY, suite, x, y);
        vm.stopPrank();
        KeyRecord memory key = departments.keyOf(CITY, KEY);
        vm.assertEq(key.suite, 1, "suite");
        vm.assertEq(key.x, X, "x");
        vm.assertEq(key.y, Y, "y");
    }

    function test_aWithdrawnKeyComesBackWithTheSameData() public {
        uint64 withdrawn = uint64(block.number);
        vm.startPrank(cityAdmin);
        departments.withdrawKey(CITY, CITY, KEY);
        vm.expectRevert(abi.encodeWithSelector(Histories.ClosedInThisBlock.selector, withdrawn));
        departments.registerKey(CITY, KEY, 1, X, Y);
        _mine();
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.expectRevert(
            abi.encodeWithSelector(Histories.AlreadyInForce.selector, uint64(block.number))
        );
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.stopPrank();
        KeyRecord memory key = departments.keyOf(CITY, KEY);
        _assertInterval(key.intervals[0], _registered, withdrawn);
        _assertInterval(key.intervals[1], block.number, 0);
    }

    function test_ancestorsAndCouncilWithdraw() public {
        vm.prank(provinceAdmin);
        departments.withdrawKey(PROVINCE, CITY, KEY);
        _assertInterval(departments.keyOf(CITY, KEY).intervals[0], _registered, block.number);
        _mine();
        vm.prank(cityAdmin);
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.KeyWithdrawn(CITY, KEY, NONE);
        vm.prank(council);
        departments.withdrawKey(NONE, CITY, KEY);
    }

    function testFuzz_nobodyElseWithdrawsOrMarks(address caller) public {
        vm.assume(caller != cityAdmin && caller != council);
        vm.startPrank(caller);
        _refuseUnauthorised(CITY, Role.Admin, caller);
        departments.withdrawKey(CITY, CITY, KEY);
        _refuseUnauthorised(CITY, Role.Admin, caller);
        departments.compromiseKey(CITY, CITY, KEY, 1);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        departments.compromiseKey(NONE, CITY, KEY, 1);
        vm.stopPrank();
    }

    function test_aCompromisedKeyEndsAndStaysOut() public {
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.KeyCompromised(CITY, KEY, _registered, CITY);
        vm.startPrank(cityAdmin);
        departments.compromiseKey(CITY, CITY, KEY, _registered);
        KeyRecord memory key = departments.keyOf(CITY, KEY);
        vm.assertEq(key.compromisedSince, _registered, "compromised since");
        _assertInterval(key.intervals[0], _registered, block.number);
        _mine();
        vm.expectRevert(
            abi.encodeWithSelector(
                IDepartmentRegistry.KeyIsCompromised.selector, CITY, KEY, _registered
            )
        );
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.stopPrank();
    }

    function test_aWithdrawnKeyCanBeMarkedToo() public {
        uint64 withdrawn = uint64(block.number);
        vm.startPrank(cityAdmin);
        departments.withdrawKey(CITY, CITY, KEY);
        _mine();
        departments.compromiseKey(CITY, CITY, KEY, uint64(block.number));
        vm.stopPrank();
        KeyRecord memory key = departments.keyOf(CITY, KEY);
        vm.assertEq(key.compromisedSince, block.number, "compromised since");
        _assertInterval(key.intervals[0], _registered, withdrawn);
    }

    function testFuzz_aMarkOnlyMovesBackInTime(uint64 first, uint64 second) public {
        uint64 latest = uint64(block.number);
        first = uint64(1 + _bounded(first, latest));
        vm.startPrank(cityAdmin);
        departments.compromiseKey(CITY, CITY, KEY, first);
        bool earlier = second != 0 && second < first;
        if (!earlier) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IDepartmentRegistry.BadSinceBlock.selector, second, first - 1
                )
            );
        }
        departments.compromiseKey(CITY, CITY, KEY, second);
        vm.stopPrank();
        uint64 marked = departments.keyOf(CITY, KEY).compromisedSince;
        vm.assertEq(marked, earlier ? second : first, "compromised since");
    }

    function test_aMarkLiesNotInTheFutureNorBeforeTheChain() public {
        uint64 latest = uint64(block.number);
        vm.startPrank(cityAdmin);
        _refuseSince(latest + 1, latest);
        departments.compromiseKey(CITY, CITY, KEY, latest + 1);
        _refuseSince(0, latest);
        departments.compromiseKey(CITY, CITY, KEY, 0);
        vm.stopPrank();
    }

    function test_anUnknownKeyIsNeitherWithdrawnNorMarked() public {
        bytes memory refusal =
            abi.encodeWithSelector(IDepartmentRegistry.UnknownKey.selector, CITY, Y);
        vm.startPrank(cityAdmin);
        vm.expectRevert(refusal);
        departments.withdrawKey(CITY, CITY, Y);
        vm.expectRevert(refusal);
        departments.compromiseKey(CITY, CITY, Y, 1);
        vm.stopPrank();
    }

    function _refuseSuite(uint8 suite) private {
        vm.expectRevert(abi.encodeWithSelector(IDepartmentRegistry.UnknownSuite.selector, suite));
    }

    function _refuseKey() private {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.BadPublicKey.selector, bytes32("a"))
        );
    }

    function _refuseSince(uint64 since, uint64 latest) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.BadSinceBlock.selector, since, latest)
        );
    }
}
